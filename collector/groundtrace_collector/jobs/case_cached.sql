-- The earlier query whose answer a semantic cache handed out, of the last hit of each trace.
SELECT Project, TraceId, argMax(SpanAttributes['groundtrace.cache.query'], Timestamp) AS CachedQuery
FROM otel_traces
WHERE TraceId IN {trace_ids:Array(String)}
    AND Project IN {projects:Array(String)}
    AND Timestamp BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})
    AND CacheHit
    AND SpanAttributes['groundtrace.cache.query'] != ''
GROUP BY Project, TraceId
