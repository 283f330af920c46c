-- What was decided for each evaluator, span and input: the newest decision first.
SELECT Evaluator, EvaluatorVersion, SpanId, Status, Reason, Job, CreatedAt
FROM ledger
WHERE TraceId = {trace_id:String} AND Project IN ('', {project:String})
ORDER BY Seq DESC
LIMIT 1 BY Evaluator, EvaluatorVersion, SpanId
