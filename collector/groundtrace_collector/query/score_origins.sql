-- Who gave the scores of these names; a name with one row, no span and a project each is plain.
SELECT Name, count() = 1 AND max(LastSpan) = '' AND min(FirstProject) != '' AS Plain
FROM
(
    SELECT Name, Source, Evaluator, EvaluatorVersion, max(SpanId) AS LastSpan, min(toString(Project)) AS FirstProject
    FROM scores
    WHERE Name IN {names:Array(String)}
    GROUP BY Name, Source, Evaluator, EvaluatorVersion
)
GROUP BY Name
