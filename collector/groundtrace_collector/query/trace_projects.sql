SELECT TraceId, groupUniqArray(toString(Project)) AS Projects
FROM traces
WHERE TraceKey IN arrayMap(id -> reinterpretAsUInt128(sipHash128(id)), {trace_ids:Array(String)})
    AND TraceId IN {trace_ids:Array(String)}
GROUP BY TraceId
