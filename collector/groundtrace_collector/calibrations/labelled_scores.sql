-- Scores of whole traces that an evaluator gave, newest first, each with what people said of the same trace last.
SELECT Project, TraceId, Evaluator, EvaluatorVersion, Method, Score, Status, Said.1 AS LabelValue, Said.2 AS LabelText
FROM
(
    SELECT Project, TraceId, Evaluator, EvaluatorVersion, Method, Score, Status, Seq
    FROM scores FINAL
    WHERE CONDITION AND SpanId = '' AND Source != 'human'
) AS scored
INNER JOIN
(
    SELECT Project AS LabelProject, TraceId, argMax((Value, Label), Seq) AS Said, max(Seq) AS SaidSeq
    FROM (LABELS)
    WHERE {label_project:String} = '' OR Project IN ('', {label_project:String})
    GROUP BY Project, TraceId
) AS labels USING (TraceId)
WHERE LabelProject IN ('', Project)
ORDER BY Seq DESC, SaidSeq DESC
LIMIT 1 BY Project, TraceId, Evaluator, EvaluatorVersion, Method
LIMIT {rows:UInt32}
