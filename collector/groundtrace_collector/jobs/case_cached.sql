-- The earlier query whose answer a semantic cache handed out, of the last hit of each trace.
SELECT Project, TraceId, argMax(SpanAttributes['groundtrace.cache.query'], Timestamp) AS CachedQuery
FROM otel_traces
WHERE Seq IN {seqs:Array(UInt64)}
    AND TraceId IN {trace_ids:Array(String)}
    AND Project IN {projects:Array(String)}
    AND CacheHit
    AND SpanAttributes['groundtrace.cache.query'] != ''
GROUP BY Project, TraceId
