-- Numbers that an evaluator in this version gave whole traces, newest first, to ask it for again.
SELECT Project, TraceId, InputHash, Evaluator, EvaluatorVersion, Method, Score
FROM scores FINAL
WHERE CONDITION AND SpanId = '' AND Source = 'evaluator' AND Status = 'ok' AND isNotNull(Score)
    AND EvaluatorVersion = {version:String}
ORDER BY Seq DESC
LIMIT {rows:UInt32}
