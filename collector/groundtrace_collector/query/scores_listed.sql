SELECT
    Project, Name, TraceId, SpanId, Source, Evaluator, EvaluatorVersion, Score, Label, Status, Explanation, Evidence,
    Method, Threshold, CostUsd, CreatedAt, Seq
FROM scores FINAL
WHERE CONDITION
ORDER BY Seq DESC
LIMIT {rows:UInt32}
