-- The document attributes of these traces' retrievers and rerankers, one row a span, earliest first.
SELECT
    Project,
    TraceId,
    Kind,
    mapFilter(
        (name, value) -> value != '' AND (name = 'gen_ai.retrieval.documents' OR match(name,
            '^(retrieval\\.documents|reranker\\.(in|out)put_documents)\\.[0-9]{1,4}\\.document\\.(id|content|score)$')),
        SpanAttributes
    ) AS Documents
FROM otel_traces
WHERE TraceId IN {trace_ids:Array(String)}
    AND Project IN {projects:Array(String)}
    AND Timestamp BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})
    AND Kind IN ('RETRIEVER', 'RERANKER')
    AND NOT Shadow
ORDER BY Timestamp, SpanId
LIMIT 1 BY Project, TraceId, SpanId
