-- Traces that the ledger lacks a row for, with the evaluators that are missing.
WITH
    arrayZip({names:Array(String)}, {versions:Array(String)}) AS wanted,
    fromUnixTimestamp64Milli({now_ms:Int64}) AS present,
    -- Bounds the days that FINAL has to merge. It cannot change the answer: a trace settled after from_seq
    -- starts at or after it in its newest row, and every older row has a smaller Version.
    (SELECT minOrNull(StartedAt) FROM traces WHERE Version > {from_seq:UInt64}) AS first_start
SELECT
    touched.Project AS Project,
    touched.TraceId AS TraceId,
    touched.InputHash AS InputHash,
    touched.Version AS Version,
    touched.LastSeq AS LastSeq,
    touched.LastArrivedAt AS LastArrivedAt,
    touched.Due AS Due,
    arrayFilter(pair -> NOT has(decided.Done, pair), wanted) AS Missing
FROM
(
    SELECT
        Project,
        TraceId,
        InputHash,
        Version,
        LastSeq,
        LastArrivedAt,
        LastArrivedAt <= present - toIntervalSecond(if(HasRoot, {root_wait_s:UInt32}, {no_root_wait_s:UInt32})) AS Due
    FROM traces FINAL
    WHERE StartedAt >= first_start
        AND Version > {from_seq:UInt64}
        AND LastSeq <= {until_seq:UInt64}
        AND Project != {internal_project:String}
        AND (/*CONDITIONS*/)
) AS touched
LEFT JOIN
(
    SELECT TraceId, InputHash, groupUniqArray((Evaluator, EvaluatorVersion)) AS Done
    FROM ledger
    WHERE Evaluator IN {names:Array(String)} AND has(wanted, (Evaluator, EvaluatorVersion)) AND SpanId = ''
    GROUP BY TraceId, InputHash
) AS decided ON decided.TraceId = touched.TraceId AND decided.InputHash = touched.InputHash
WHERE notEmpty(Missing)
