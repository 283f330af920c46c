-- Every score of the traces named, replaced ones too: FINAL would read every part to its end for a few rows.
SELECT
    Project, Name, TraceId, SpanId, Source, Evaluator, EvaluatorVersion, Score, Label, Status, Explanation, Evidence,
    Method, Threshold, CostUsd, CreatedAt, Seq
FROM scores
PREWHERE TraceId IN {trace_ids:Array(String)}
