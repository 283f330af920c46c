SELECT TraceId, groupUniqArray(toString(Project)) AS Projects
FROM traces
WHERE TraceKey IN {trace_keys:Array(UInt128)}
    AND TraceId IN {trace_ids:Array(String)}
GROUP BY TraceId
