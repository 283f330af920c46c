-- What these traces' retrievers and rerankers say of documents, one row a span, earliest first: OpenInference's
-- keys, and those of the vocabularies that query/foreign_documents.py reads.
SELECT
    Project,
    TraceId,
    Kind,
    toUnixTimestamp64Nano(Timestamp) AS BeganNs,
    BeganNs + toInt64(Duration) AS EndedNs,
    mapFilter(
        (name, value) -> value != '' AND (name IN ('gen_ai.retrieval.documents', 'db.vector.results.ids', 'traceloop.entity.output') OR match(name,
            '^(retrieval\\.documents|reranker\\.(in|out)put_documents)\\.[0-9]{1,4}\\.document\\.(id|content|score)$')),
        SpanAttributes
    ) AS Documents,
    SpanAttributes['retrieval.score_sense'] = 'distance' AS IsDistance,
    arrayFilter(name -> name IN ('db.query.result', 'db.search.result'), Events.Name) AS EventNames,
    arrayFilter((attributes, name) -> name IN ('db.query.result', 'db.search.result'), Events.Attributes, Events.Name) AS EventAttributes
FROM otel_traces
WHERE Seq IN {seqs:Array(UInt64)}
    AND TraceId IN {trace_ids:Array(String)}
    AND Project IN {projects:Array(String)}
    AND Kind IN ('RETRIEVER', 'RERANKER')
    AND NOT Shadow
ORDER BY Timestamp, SpanId
LIMIT 1 BY Project, TraceId, SpanId
