-- Who gave the scores of these names, in the order in which they count, least first, and what kinds of scores.
SELECT
    Name,
    concat(Source, ' ', EvaluatorVersion) AS Origin,
    max(OfSpan) AS OfSpans,
    max(BeforeTrace) AS BeforeTraces,
    min(Ok) AS AllOk
FROM score_origins
WHERE Name IN {names:Array(String)}
GROUP BY Name, Source, EvaluatorVersion
ORDER BY
    indexOf(['api', 'evaluator', 'human'], toString(Source)),
    Source,
    arrayMap(
        part -> if(match(part, '^[0-9]'), leftPad(part, 20, '0'), part),
        extractAll(toString(EvaluatorVersion), '[0-9]+|[^0-9]+')),
    EvaluatorVersion
