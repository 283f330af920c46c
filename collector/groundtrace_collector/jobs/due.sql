-- The undecided traces whose time has come, in the order in which they were committed.
SELECT Project, TraceId, InputHash, arrayMap(pair -> pair.1, Missing) AS Evaluators
FROM (/*UNDECIDED*/)
WHERE Due
ORDER BY LastSeq, TraceId
LIMIT {traces:UInt32}
