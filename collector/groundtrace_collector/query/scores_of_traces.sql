-- Every score of the traces named, the newest row of each key. As FINAL, without reading every part to its end.
SELECT
    Project, Name, TraceId, SpanId, Source, Evaluator, EvaluatorVersion, Score, Label, Status, Explanation, Evidence,
    Method, Threshold, CostUsd, CreatedAt, Seq
FROM scores
WHERE TraceId IN {trace_ids:Array(String)}
ORDER BY Seq DESC
LIMIT 1 BY Project, Name, TraceId, SpanId, Source, Evaluator, EvaluatorVersion
