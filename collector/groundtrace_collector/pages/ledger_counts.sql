-- What evaluators decided, and why not where there is no score. Reasons are the evaluators' own words.
SELECT
    Evaluator, EvaluatorVersion, Status,
    if(Status = 'ok', '', substringUTF8(Reason, 1, 300)) AS Why,
    count() AS Decided,
    uniq(TraceId) AS Traces,
    toUnixTimestamp64Milli(max(CreatedAt)) AS LastMs
FROM ledger FINAL
WHERE ({project:String} = '' AND Project != {internal:String}) OR Project = {project:String}
GROUP BY Evaluator, EvaluatorVersion, Status, Why
ORDER BY Evaluator, EvaluatorVersion, Status = 'ok' DESC, Decided DESC, Status, Why
LIMIT 100
