-- How far a job is behind, and up to where everything has been decided.
SELECT
    countIf(Due) AS DueTraces,
    sumIf(length(Missing), Due) AS DueTasks,
    countIf(NOT Due) AS WaitingTraces,
    minOrNull(Version) AS FirstUndecided,
    (SELECT max(Version) FROM traces) AS Newest,
    ifNull(
        dateDiff('millisecond', minOrNullIf(LastArrivedAt, Due), fromUnixTimestamp64Milli({now_ms:Int64})) / 1000.,
        0.
    ) AS OldestS
FROM (/*UNDECIDED*/)
