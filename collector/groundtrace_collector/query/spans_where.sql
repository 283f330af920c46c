-- Attributes are most of a store: inflated, they would leave no room for anything else.
SELECT Project, TraceId
FROM otel_traces
WHERE ({scope_project:String} = '' OR Project = {scope_project:String})
    AND Timestamp >= fromUnixTimestamp64Milli({scope_since_ms:Int64})
    AND (TEST)
SETTINGS use_uncompressed_cache = 0
