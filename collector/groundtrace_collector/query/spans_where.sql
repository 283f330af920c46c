SELECT Project, TraceId
FROM otel_traces
WHERE ({scope_project:String} = '' OR Project = {scope_project:String})
    AND Timestamp >= fromUnixTimestamp64Milli({scope_since_ms:Int64})
