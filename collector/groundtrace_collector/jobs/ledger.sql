-- What has been decided about these traces by these evaluators, with any inputs.
SELECT DISTINCT TraceId, Evaluator, EvaluatorVersion, InputHash
FROM ledger
WHERE Evaluator IN {names:Array(String)} AND TraceId IN {trace_ids:Array(String)} AND SpanId = ''
