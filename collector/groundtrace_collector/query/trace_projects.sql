SELECT TraceId, groupUniqArray(toString(Project)) AS Projects
FROM traces
WHERE TraceId IN {trace_ids:Array(String)}
GROUP BY TraceId
