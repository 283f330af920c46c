-- What was decided for each evaluator, span and input.
SELECT Evaluator, EvaluatorVersion, SpanId, Status, Reason, Job, CreatedAt, Seq
FROM ledger
PREWHERE TraceId = {trace_id:String} AND Project IN ('', {project:String})
