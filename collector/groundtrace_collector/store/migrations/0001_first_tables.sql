-- The first tables. Of every table: what a merge wrote is synced before the parts it replaces go, and those go
-- within seconds, so that a store is as large as its data. Spans wait in synced segments until the store is
-- synced; what people gave is synced by its insert (fsync_after_insert). Scores are not: they come by thousands.

-- Spans in the columns of OpenTelemetry's ClickHouse exporter, so that its rows, Grafana and HyperDX fit; our own
-- columns follow, each with a default made from the span, for rows that others write by column name.
CREATE TABLE IF NOT EXISTS otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    -- Most of a store. A RAG app repeats its documents in prompt after prompt: blocks of a megabyte find them
    -- again. Larger ones take a hundredth off, and one trace a tenth longer to read. ZSTD(3) would take a fifth
    -- off, and an eighth more of all the time that a span takes.
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))
        SETTINGS (min_compress_block_size = 524288, max_compress_block_size = 1048576),
    Duration UInt64 CODEC(T64, ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),

    Project LowCardinality(String) DEFAULT firstNonDefault(SpanAttributes['openinference.project.name'], ResourceAttributes['openinference.project.name'], 'default') CODEC(ZSTD(1)),
    Seq UInt64 DEFAULT toUInt64(toUnixTimestamp64Micro(now64(6))) CODEC(Delta(8), ZSTD(1)),
    ArrivedAt DateTime64(3) DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    DroppedAttributes UInt32 CODEC(ZSTD(1)),
    DroppedEvents UInt32 CODEC(ZSTD(1)),
    DroppedLinks UInt32 CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),

    -- Which of the values below each attribute is, by number; 0 for none of them and for an empty value. The names
    -- are looked up once a block in the dictionary of keys, then each column is one search in small numbers.
    -- Where two vocabularies name one value, the attribute that comes first in the span is taken.
    facts Array(UInt8) EPHEMERAL arrayMap(
        (key, value) -> if(value = '', 0, transform(key,
            [
                'openinference.span.kind',
                'gen_ai.operation.name',
                'gen_ai.span.kind', 'fi.span.kind',
                'llm.request.type',
                'traceloop.span.kind',
                'db.system', 'db.system.name',
                'db.operation', 'db.operation.name', 'db.vector.operation',
                'gen_ai.response.model', 'llm.response.model_name',
                'llm.model_name', 'embedding.model_name', 'reranker.model_name', 'gen_ai.reranker.model', 'gen_ai.request.model', 'llm.request.model_name',
                'embedding.model_version',
                'input.value', 'gen_ai.input.messages', 'gen_ai.retrieval.query.text', 'gen_ai.retrieval.query', 'traceloop.entity.input', 'gen_ai.task.input', 'llm.input_messages.0.message.content', 'gen_ai.input.messages.0.message.content', 'gen_ai.prompt.0.content', 'reranker.query',
                'output.value', 'llm.output_messages.0.message.content', 'gen_ai.output.messages', 'gen_ai.output.messages.0.message.content', 'gen_ai.completion.0.content', 'traceloop.entity.output', 'gen_ai.task.output',
                'session.id', 'gen_ai.conversation.id', 'traceloop.association.properties.session_id',
                'user.id', 'enduser.id', 'traceloop.association.properties.user_id',
                'metadata',
                'tag.tags',
                'llm.prompt_template.version',
                'groundtrace.route',
                'llm.token_count.prompt', 'gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens',
                'llm.token_count.completion', 'gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens',
                'llm.token_count.prompt_details.cache_read', 'llm.token_count.prompt_details.cache_input', 'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_read_input_tokens', 'gen_ai.usage.cache_read_tokens', 'gen_ai.usage.input_tokens.cache_read',
                'llm.token_count.completion_details.reasoning', 'gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.output_tokens.reasoning', 'gen_ai.usage.reasoning_tokens',
                'llm.cost.total', 'gen_ai.cost.total',
                'llm.cost.prompt', 'gen_ai.cost.input',
                'llm.cost.completion', 'gen_ai.cost.output',
                'llm.token_count.prompt_details.cache_write', 'gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_creation.input_tokens', 'gen_ai.usage.cache_creation_input_tokens', 'gen_ai.usage.cache_write_tokens', 'gen_ai.usage.input_tokens.cache_write',
                'groundtrace.shadow',
                'groundtrace.indexing',
                'groundtrace.fallback',
                'groundtrace.retry.attempt',
                'groundtrace.cache.hit',
                'groundtrace.cache.similarity',
                'groundtrace.dataset.row',
                'groundtrace.gold.document_ids',
                'error.type'
            ],
            [1, 2, 3, 3, 4, 5, 6, 6, 7, 7, 7, 10, 10, 11, 11, 11, 11, 11, 11, 12, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 21, 21, 21, 21, 21, 21, 21, 30, 30, 30, 31, 31, 31, 32, 33, 34, 35, 40, 40, 40, 41, 41, 41, 42, 42, 42, 42, 42, 42, 43, 43, 43, 43, 44, 44, 45, 45, 46, 46, 47, 47, 47, 47, 47, 47, 50, 51, 52, 53, 54, 55, 56, 57, 58], 0)::UInt8),
        mapKeys(SpanAttributes), mapValues(SpanAttributes)),
    -- What the span is, in OpenInference's words, whichever of the four vocabularies it speaks.
    Kind LowCardinality(String) DEFAULT multiIf(
        has(facts, 1), if(upper(mapValues(SpanAttributes)[indexOf(facts, 1)]) = 'UNKNOWN', '', upper(mapValues(SpanAttributes)[indexOf(facts, 1)])),
        mapValues(SpanAttributes)[indexOf(facts, 5)] = 'workflow', 'CHAIN',
        has(facts, 2), multiIf(
            mapValues(SpanAttributes)[indexOf(facts, 2)] IN ('chat', 'generate_content', 'text_completion', 'completion'), 'LLM',
            mapValues(SpanAttributes)[indexOf(facts, 2)] IN ('embeddings', 'embedding'), 'EMBEDDING',
            mapValues(SpanAttributes)[indexOf(facts, 2)] IN ('retrieval', 'vector_db_retrieve', 'search_memory'), 'RETRIEVER',
            mapValues(SpanAttributes)[indexOf(facts, 2)] IN ('rerank', 'reranker'), 'RERANKER',
            mapValues(SpanAttributes)[indexOf(facts, 2)] IN ('invoke_agent', 'create_agent', 'plan'), 'AGENT',
            mapValues(SpanAttributes)[indexOf(facts, 2)] IN ('invoke_workflow', 'execute_task'), 'CHAIN',
            mapValues(SpanAttributes)[indexOf(facts, 2)] = 'execute_tool' OR mapValues(SpanAttributes)[indexOf(facts, 2)] LIKE '%\_memory%', 'TOOL',
            upper(mapValues(SpanAttributes)[indexOf(facts, 3)])),
        has(facts, 3), if(upper(mapValues(SpanAttributes)[indexOf(facts, 3)]) = 'VECTOR_DB',
            if(lower(mapValues(SpanAttributes)[indexOf(facts, 7)]) IN ('query', 'search', 'similarity_search', 'hybrid_search'), 'RETRIEVER', 'TOOL'),
            if(upper(mapValues(SpanAttributes)[indexOf(facts, 3)]) = 'UNKNOWN', '', upper(mapValues(SpanAttributes)[indexOf(facts, 3)]))),
        has(facts, 4), transform(mapValues(SpanAttributes)[indexOf(facts, 4)], ['chat', 'completion', 'embedding', 'rerank'], ['LLM', 'LLM', 'EMBEDDING', 'RERANKER'], ''),
        has(facts, 5), transform(mapValues(SpanAttributes)[indexOf(facts, 5)], ['task', 'agent', 'tool'], ['CHAIN', 'AGENT', 'TOOL'], ''),
        has(facts, 6) AND lower(mapValues(SpanAttributes)[indexOf(facts, 7)]) IN ('query', 'search', 'similarity_search', 'hybrid_search'), 'RETRIEVER',
        '') CODEC(ZSTD(1)),
    -- The model of an LLM, EMBEDDING (name@version) or RERANKER span; 'unknown' is OpenLLMetry's word for none.
    Model LowCardinality(String) DEFAULT if(Kind IN ('LLM', 'EMBEDDING', 'RERANKER'),
        concat(
            if(mapValues(SpanAttributes)[indexOf(facts, 10)] IN ('', 'unknown'), mapValues(SpanAttributes)[indexOf(facts, 11)], mapValues(SpanAttributes)[indexOf(facts, 10)]),
            if(Kind = 'EMBEDDING' AND has(facts, 12), concat('@', mapValues(SpanAttributes)[indexOf(facts, 12)]), '')),
        '') CODEC(ZSTD(1)),
    -- 1: the span has an input text, 2: an output text; the texts themselves stay in the attributes.
    Texts UInt8 DEFAULT has(facts, 20) + 2 * has(facts, 21) CODEC(ZSTD(1)),
    Session String DEFAULT mapValues(SpanAttributes)[indexOf(facts, 30)] CODEC(ZSTD(1)),
    User String DEFAULT mapValues(SpanAttributes)[indexOf(facts, 31)] CODEC(ZSTD(1)),
    MetadataJson String DEFAULT if(has(facts, 32) OR NOT has(facts, 5), mapValues(SpanAttributes)[indexOf(facts, 32)],
        toJSONString(mapApply((key, value) -> (substring(key, 34), value), mapFilter((key, value) -> key LIKE 'traceloop.association.properties.%'
            AND key NOT LIKE '%.session\_id' AND key NOT LIKE '%.user\_id', SpanAttributes)))) CODEC(ZSTD(1)),
    Tags Array(String) DEFAULT JSONExtract(mapValues(SpanAttributes)[indexOf(facts, 33)], 'Array(String)') CODEC(ZSTD(1)),
    PromptVersion LowCardinality(String) DEFAULT mapValues(SpanAttributes)[indexOf(facts, 34)] CODEC(ZSTD(1)),
    Route LowCardinality(String) DEFAULT mapValues(SpanAttributes)[indexOf(facts, 35)] CODEC(ZSTD(1)),
    TokensPrompt Nullable(UInt64) DEFAULT toUInt64OrNull(mapValues(SpanAttributes)[indexOf(facts, 40)]) CODEC(ZSTD(1)),
    TokensCompletion Nullable(UInt64) DEFAULT toUInt64OrNull(mapValues(SpanAttributes)[indexOf(facts, 41)]) CODEC(ZSTD(1)),
    TokensCacheRead Nullable(UInt64) DEFAULT toUInt64OrNull(mapValues(SpanAttributes)[indexOf(facts, 42)]) CODEC(ZSTD(1)),
    TokensCacheWrite Nullable(UInt64) DEFAULT toUInt64OrNull(mapValues(SpanAttributes)[indexOf(facts, 47)]) CODEC(ZSTD(1)),
    TokensReasoning Nullable(UInt64) DEFAULT toUInt64OrNull(mapValues(SpanAttributes)[indexOf(facts, 43)]) CODEC(ZSTD(1)),
    -- What the span says it cost; what it cost by the table of prices is known to its trace (store/settle).
    CostUsd Nullable(Float64) DEFAULT coalesce(
        toFloat64OrNull(mapValues(SpanAttributes)[indexOf(facts, 44)]),
        toFloat64OrNull(mapValues(SpanAttributes)[indexOf(facts, 45)]) + ifNull(toFloat64OrNull(mapValues(SpanAttributes)[indexOf(facts, 46)]), 0),
        toFloat64OrNull(mapValues(SpanAttributes)[indexOf(facts, 46)])) CODEC(ZSTD(1)),
    Shadow Bool DEFAULT mapValues(SpanAttributes)[indexOf(facts, 50)] = 'true' CODEC(ZSTD(1)),
    Indexing Bool DEFAULT mapValues(SpanAttributes)[indexOf(facts, 51)] = 'true' CODEC(ZSTD(1)),
    Fallback Bool DEFAULT mapValues(SpanAttributes)[indexOf(facts, 52)] = 'true' CODEC(ZSTD(1)),
    RetryAttempt UInt32 DEFAULT toUInt32OrZero(mapValues(SpanAttributes)[indexOf(facts, 53)]) CODEC(ZSTD(1)),
    CacheHit Nullable(Bool) DEFAULT if(has(facts, 54), mapValues(SpanAttributes)[indexOf(facts, 54)] = 'true', NULL) CODEC(ZSTD(1)),
    CacheSimilarity Nullable(Float64) DEFAULT toFloat64OrNull(mapValues(SpanAttributes)[indexOf(facts, 55)]) CODEC(ZSTD(1)),
    EmbeddedTexts UInt32 DEFAULT if(Kind = 'EMBEDDING', greatest(1, toUInt32OrZero(SpanAttributes['embedding.text_count']), toUInt32(arrayCount(key -> key LIKE 'embedding.embeddings.%.embedding.text' OR key LIKE 'gen_ai.prompt.%.content', mapKeys(SpanAttributes)))), 0) CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) DEFAULT if(StatusCode != 'Error', '', firstNonDefault(
        arrayFirst(type -> type != '', arrayMap(event -> event['exception.type'], `Events.Attributes`)), mapValues(SpanAttributes)[indexOf(facts, 58)], 'error')) CODEC(ZSTD(1)),
    DatasetRow String DEFAULT mapValues(SpanAttributes)[indexOf(facts, 56)] CODEC(ZSTD(1)),
    GoldIds Array(String) DEFAULT JSONExtract(mapValues(SpanAttributes)[indexOf(facts, 57)], 'Array(String)') CODEC(ZSTD(1)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1,
    INDEX idx_timestamp Timestamp TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
-- Commit after commit, a trace's spans together: what they repeat of each other is found again in one block, and a
-- trace is read from a granule or two of the commits that its row names. Merging parts is then putting one behind
-- the other, where a key of time or of trace alone would have rows of all parts take turns, at twice the cost.
ORDER BY (Seq, TraceId, Timestamp)
TTL toDate(Timestamp) + INTERVAL 31 DAY
-- A commit's part is one file: a file a column made some 300 of each, which took a fifth of the time of a large one.
-- Rows are merged whole: column by column costs a third more here. Ten parts are merged where ClickHouse would merge
-- five: a span is then rewritten twice on its way into a million, not three times.
SETTINGS index_granularity = 1024, min_bytes_for_wide_part = 100663296, enable_vertical_merge_algorithm = 0, merge_max_block_size = 4096,
    ttl_only_drop_parts = 1, merge_selector_base = 10, non_replicated_deduplication_window = 1000, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 10,
    cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

-- One row a document of a retriever's or reranker's span; its text stays in the span's attributes.
-- As the spans that name them: commit after commit, a trace's documents together.
CREATE TABLE IF NOT EXISTS retrieved_documents
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Stage LowCardinality(String) CODEC(ZSTD(1)),
    Rank UInt16 CODEC(ZSTD(1)),
    DocumentId String CODEC(ZSTD(1)),
    Score Nullable(Float64) CODEC(ZSTD(1)),
    ContentHash UInt64 CODEC(ZSTD(1)),
    -- When the document was last changed, else published or made, as its metadata say; 1970 where they do not.
    DatedAt DateTime64(0) CODEC(ZSTD(1)),
    Seq UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX idx_document_id DocumentId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_timestamp Timestamp TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Seq, TraceId, SpanId, Stage, Rank)
TTL toDate(Timestamp) + INTERVAL 31 DAY
SETTINGS ttl_only_drop_parts = 1, merge_selector_base = 10, non_replicated_deduplication_window = 1000, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 10,
    cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

-- Flattened keys carry the document's place: retrieval.documents.0.document.id is rank 1, also when a place
-- before it was dropped. `codes` says of each attribute which field of which place of which list it is; keys are
-- looked up in their dictionary, so only fields of documents cost anything for each span.
CREATE MATERIALIZED VIEW IF NOT EXISTS retrieved_documents_mv TO retrieved_documents AS
WITH
    text -> if(text = '', 0, cityHash64(text)) AS text_hash,
    -- How loaders call a document's dates, the one that tells most of its age first; in lower case, in one word.
    [
        'lastmodified', 'lastmodifieddate', 'lastmodifiedat', 'lastmodifiedtime', 'lastmodifieddatetime', 'datelastmodified',
        'modified', 'modifiedat', 'modifieddate', 'modifiedtime', 'datemodified', 'modificationdate', 'moddate', 'mtime', 'lastmod',
        'lastupdated', 'lastupdatedat', 'lastupdateddate', 'updated', 'updatedat', 'updateddate', 'updatedtime', 'dateupdated',
        'lastedited', 'lasteditedat', 'lastediteddate', 'lasteditedtime',
        'published', 'publishedat', 'publisheddate', 'publishedtime', 'publishdate', 'publicationdate', 'datepublished', 'pubdate',
        'created', 'createdat', 'createddate', 'createdtime', 'datecreated', 'creationdate', 'creationtime', 'date'
    ] AS date_names,
    -- Of a value its date: as in ISO 8601 or a PDF, or seconds or milliseconds since 1970. A bare year is too coarse,
    -- and 01/02/2024 may be either of two days. Each word here is planned anew for each commit: there are few.
    metadata -> arraySort(arrayFilter(found -> found.2 != 0, arrayMap(
        pair -> (pair.1, toInt64(parseDateTime64BestEffortOrZero(extract(pair.2, '^"?(?:D:)?([0-9]{4}[-/]?[0-9]{2}[^"\x27]*)'), 0, 'UTC'))),
        arrayFilter(pair -> pair.1 != 0, arrayMap(
            pair -> (transform(lower(replaceAll(pair.1, '_', '')), date_names, arrayEnumerate(date_names), 0), pair.2),
            JSONExtractKeysAndValuesRaw(metadata))))))[1].2 AS date_in
SELECT
    Project, TraceId, SpanId, Timestamp,
    ['retrieved', 'rerank_in', 'rerank_out'][intDiv(document.1, 65536) + 1] AS Stage,
    toUInt16(document.1 % 65536 + 1) AS Rank,
    document.2 AS DocumentId,
    toFloat64OrNull(document.3) AS Score,
    document.4 AS ContentHash,
    -- Metadata without such a word are not parsed, and documents without metadata cost nothing.
    fromUnixTimestamp64Second(arrayMap(metadata -> date_in(metadata), arrayFilter(
        metadata -> multiSearchAnyCaseInsensitive(metadata, ['date', 'mod', 'mtime', 'edit', 'publish', 'creat']), [document.5]))[1]) AS DatedAt,
    Seq
FROM
(
    SELECT
        Project, TraceId, SpanId, Timestamp, Seq,
        arrayJoin(arrayConcat(others, arrayMap(
            (place, id) -> tuple(
                place,
                -- A document without an id is known by its metadata's, else by its text.
                firstNonDefault(
                    id,
                    if(id = '', JSONExtractString(metadatas[indexOf(metadata_places, place)], 'id'), ''),
                    if(id = '', JSONExtractString(metadatas[indexOf(metadata_places, place)], '_id'), ''),
                    if(id = '', JSONExtractString(metadatas[indexOf(metadata_places, place)], 'doc_id'), ''),
                    if(id = '', JSONExtractString(metadatas[indexOf(metadata_places, place)], 'source'), ''),
                    if(id = '', JSONExtractString(JSONExtractArrayRaw(output, 'documents')[place + 1], 'id'), ''),
                    if(id = '' AND has(content_places, place), concat('text-', lower(hex(contents[indexOf(content_places, place)]))), '')),
                scores[indexOf(score_places, place)],
                contents[indexOf(content_places, place)],
                metadatas[indexOf(metadata_places, place)]),
            places, arrayMap(place -> ids[indexOf(id_places, place)], places)))) AS document
    FROM
    (
        SELECT
            Project, TraceId, SpanId, Timestamp, Seq,
            arrayFilter((value, code) -> code % 8 = 1, values, codes) AS ids,
            arrayMap(code -> intDiv(code, 8), arrayFilter(code -> code % 8 = 1, codes)) AS id_places,
            arrayFilter((value, code) -> code % 8 = 2, values, codes) AS scores,
            arrayMap(code -> intDiv(code, 8), arrayFilter(code -> code % 8 = 2, codes)) AS score_places,
            arrayFilter((hash, code) -> code % 8 = 3, arrayMap(value -> cityHash64(value), values), codes) AS contents,
            arrayMap(code -> intDiv(code, 8), arrayFilter(code -> code % 8 = 3, codes)) AS content_places,
            arrayFilter((value, code) -> code % 8 = 4, values, codes) AS metadatas,
            arrayMap(code -> intDiv(code, 8), arrayFilter(code -> code % 8 = 4, codes)) AS metadata_places,
            arrayDistinct(arrayMap(code -> intDiv(code, 8), arrayFilter(code -> code != 0, codes))) AS places,
            output,
            -- The other vocabularies: OpenTelemetry's JSON list, traceAI's two lists, OpenLLMetry's events or JSON.
            if(notEmpty(places), [], arrayMap(
                (document, i) -> tuple(
                    (i - 1)::UInt32, 
                    firstNonDefault(document.1, if(document.3 = 0, '', concat('text-', lower(hex(document.3))))),
                    document.2, document.3, document.4),
                arrayConcat(
                    arrayMap(d -> (JSONExtractString(d, 'id'), JSONExtractRaw(d, 'score'), text_hash(JSONExtractString(d, 'content')), JSONExtractRaw(d, 'metadata')),
                        JSONExtractArrayRaw(genai_documents)),
                    arrayMap((id, i) -> (id, JSONExtractArrayRaw(vector_scores)[i], 0::UInt64, ''),
                        JSONExtract(vector_ids, 'Array(String)'), arrayEnumerate(JSONExtract(vector_ids, 'Array(String)'))),
                    arrayMap(e -> (
                            firstNonDefault(e['db.query.result.id'], e['db.search.result.id']),
                            firstNonDefault(e['db.query.result.score'], e['db.search.result.score'], e['db.query.result.distance'], e['db.search.result.distance']),
                            text_hash(firstNonDefault(e['db.query.result.document'], e['db.search.result.entity'])),
                            ''),
                        arrayFilter((e, name) -> name IN ('db.query.result', 'db.search.result'), event_attributes, event_names)),
                    arrayMap(d -> (
                            firstNonDefault(JSONExtractString(d, 'id'), JSONExtractString(d, 'metadata', 'id'), JSONExtractString(d, 'metadata', '_id'),
                                JSONExtractString(d, 'metadata', 'doc_id'), JSONExtractString(d, 'metadata', 'source')),
                            JSONExtractRaw(d, 'metadata', 'score'),
                            text_hash(JSONExtractString(d, 'page_content')),
                            JSONExtractRaw(d, 'metadata')),
                        JSONExtractArrayRaw(entity_output, 'documents'))) AS found,
                arrayEnumerate(found))) AS others
        FROM
        (
            SELECT
                Project, TraceId, SpanId, Timestamp, Seq,
                mapValues(SpanAttributes) AS values,
                arrayMap(key -> transform(key,
                    ['output.value', 'gen_ai.retrieval.documents', 'db.vector.results.ids', 'db.vector.results.scores', 'traceloop.entity.output'],
                    [1, 2, 3, 4, 5], 0)::UInt8, mapKeys(SpanAttributes)) AS wholes,
                values[indexOf(wholes, 1)] AS output,
                values[indexOf(wholes, 2)] AS genai_documents,
                values[indexOf(wholes, 3)] AS vector_ids,
                values[indexOf(wholes, 4)] AS vector_scores,
                values[indexOf(wholes, 5)] AS entity_output,
                `Events.Name` AS event_names,
                `Events.Attributes` AS event_attributes,
                -- The place stands between what the key begins with and what it ends with.
                arrayMap(key -> multiIf(startsWith(key, 'retrieval.documents.'), 20, startsWith(key, 'reranker.input_documents.'), 25, startsWith(key, 'reranker.output_documents.'), 26, 0), mapKeys(SpanAttributes)) AS heads,
                arrayMap(key -> multiIf(endsWith(key, '.document.id'), 12, endsWith(key, '.document.score'), 15, endsWith(key, '.document.content'), 17, endsWith(key, '.document.metadata'), 18, 0), mapKeys(SpanAttributes)) AS ends,
                arrayMap(
                    (head, place, end, value) -> if(head = 0 OR end = 0 OR place > 65534 OR value = '', 0,
                        (65536 * transform(head, [20, 25, 26], [0, 1, 2], 0) + place) * 8 + transform(end, [12, 15, 17, 18], [1, 2, 3, 4], 0))::UInt32,
                    heads,
                    arrayMap((key, head, end) -> toUInt32OrZero(substring(key, head + 1, greatest(0, length(key) - head - end))), mapKeys(SpanAttributes), heads, ends),
                    ends,
                    values) AS codes
            FROM otel_traces
            WHERE Kind IN ('RETRIEVER', 'RERANKER')
        )
    )
);

-- One row a trace, settled: recomputed from the trace's distinct spans whenever some arrive (store/settle).
-- Always read with FINAL; a late root may move a row to another day, so versions may lie in two partitions.
-- Its key is a number: FINAL then takes a third of the time that it takes over projects and ids as text. What
-- asks for ids says TraceKey, too. Granules are small because a page takes a few rows from all over, with texts.
-- Ids lie all over every part: a filter of its keys (1.2 bytes a row) tells which part holds a trace.
CREATE TABLE IF NOT EXISTS traces
(
    TraceKey UInt128 MATERIALIZED reinterpretAsUInt128(MD5(TraceId)) CODEC(NONE),
    Project LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    Version UInt64 CODEC(Delta(8), ZSTD(1)),
    -- The commits that the trace's spans came with: where they and its documents lie.
    Seqs Array(UInt64) CODEC(ZSTD(1)),
    LastSeq UInt64 CODEC(Delta(8), ZSTD(1)),
    LastArrivedAt DateTime64(3) CODEC(Delta(8), ZSTD(1)),
    StartedAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    DurationNs UInt64 CODEC(T64, ZSTD(1)),
    Name LowCardinality(String) CODEC(ZSTD(1)),
    Service LowCardinality(String) CODEC(ZSTD(1)),
    Status LowCardinality(String) CODEC(ZSTD(1)),
    HasRoot Bool CODEC(ZSTD(1)),
    Incomplete Bool CODEC(ZSTD(1)),
    RootSpanId String CODEC(ZSTD(1)),
    SpanCount UInt32 CODEC(T64, ZSTD(1)),
    Session String CODEC(ZSTD(1)),
    -- Comparisons count by session: a number is read in a fifth of the time. 0 is no session.
    SessionHash UInt64 MATERIALIZED if(Session = '', 0, sipHash64(Session)) CODEC(NONE),
    User String CODEC(ZSTD(1)),
    Query String CODEC(ZSTD(1)),
    Answer String CODEC(ZSTD(1)),
    QueryHash UInt64 CODEC(ZSTD(1)),
    InputHash UInt64 CODEC(ZSTD(1)),
    Encoder LowCardinality(String) CODEC(ZSTD(1)),
    Encoders Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Reranker LowCardinality(String) CODEC(ZSTD(1)),
    LlmModel LowCardinality(String) CODEC(ZSTD(1)),
    PromptVersion LowCardinality(String) CODEC(ZSTD(1)),
    Route LowCardinality(String) CODEC(ZSTD(1)),
    TokensPrompt Nullable(UInt64) CODEC(ZSTD(1)),
    TokensCompletion Nullable(UInt64) CODEC(ZSTD(1)),
    TokensCacheRead Nullable(UInt64) CODEC(ZSTD(1)),
    TokensCacheWrite Nullable(UInt64) CODEC(ZSTD(1)),
    TokensReasoning Nullable(UInt64) CODEC(ZSTD(1)),
    CostUsd Nullable(Float64) CODEC(ZSTD(1)),
    Metadata Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(1)),
    Tags Array(String) CODEC(ZSTD(1)),
    SpanKinds Array(LowCardinality(String)) CODEC(ZSTD(1)),
    SpanNs Array(UInt64) CODEC(ZSTD(1)),
    ErrorTypes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    RetrievedIds Array(String) CODEC(ZSTD(1)),
    ContextIds Array(String) CODEC(ZSTD(1)),
    RerankScores Array(Float64) CODEC(ZSTD(1)),
    GoldIds Array(String) CODEC(ZSTD(1)),
    -- Of traces whose gold documents are known, how the retriever's scores tell them from the best of the others,
    -- and the space that these scores lie in: margins of two spaces are not to be compared.
    Margin Nullable(Float64) CODEC(ZSTD(1)),
    MarginAuroc Nullable(Float64) CODEC(ZSTD(1)),
    MarginSpace LowCardinality(String) CODEC(ZSTD(1)),
    -- The date of the best-ranked document of the context that has one; 1970 where none has.
    DocumentAt DateTime64(0) CODEC(ZSTD(1)),
    DatasetRow String CODEC(ZSTD(1)),
    Retries UInt32 CODEC(T64, ZSTD(1)),
    Fallback Bool CODEC(ZSTD(1)),
    CacheHit Nullable(Bool) CODEC(ZSTD(1)),
    CacheSimilarity Nullable(Float64) CODEC(ZSTD(1)),
    EmbeddedTexts UInt32 CODEC(T64, ZSTD(1)),
    EmbeddingNs UInt64 CODEC(T64, ZSTD(1)),
    -- What lists show, in the order that query/traces.py knows: to open a column a value costs a page more than
    -- to find its traces. It takes 16 bytes a trace.
    Listed String MATERIALIZED toValidUTF8(toJSONString(tuple(
        Name, Service, Status, Incomplete, SpanCount, Session, User, Encoder, Encoders, Reranker, LlmModel, PromptVersion, Route,
        TokensPrompt, TokensCompletion, TokensCacheRead, TokensCacheWrite, TokensReasoning, CostUsd, Metadata, Tags, DatasetRow, GoldIds, ErrorTypes))) CODEC(ZSTD(1)),
    INDEX idx_trace_key TraceKey TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(Version)
PARTITION BY toDate(StartedAt)
ORDER BY (TraceKey, Project)
TTL toDate(StartedAt) + INTERVAL 31 DAY
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 10,
    cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

CREATE TABLE IF NOT EXISTS scores
(
    Project LowCardinality(String),
    Name LowCardinality(String),
    -- The trace of a project as one number, to join by (query/where.py makes the same over `traces`).
    JoinKey UInt64 MATERIALIZED bitXor(toUInt64(reinterpretAsUInt128(MD5(TraceId))), sipHash64(Project)) CODEC(NONE),
    TraceId String,
    SpanId String,
    Source LowCardinality(String),
    Evaluator LowCardinality(String),
    EvaluatorVersion LowCardinality(String),
    Score Nullable(Float64),
    Label LowCardinality(String),
    Status LowCardinality(String),
    Explanation String CODEC(ZSTD(1)),
    Evidence String CODEC(ZSTD(1)),
    Method LowCardinality(String),
    Threshold Nullable(Float64),
    CostUsd Nullable(Float64),
    InputHash UInt64,
    Job LowCardinality(String),
    CreatedAt DateTime64(3) DEFAULT now64(3),
    Seq UInt64,
    -- What the row says of its whole trace as one number, whose maximum is the newest row's: from the highest bit
    -- 9 that are left to who said it, 52 of Seq (microseconds: until the year 2112), 3 of what it says beside the
    -- score (`Said` in query/resolved_score.sql, 0 for nothing), 64 of the score inverted, so that 0 is no score.
    Newest UInt128 MATERIALIZED multiIf(
        SpanId != '', 0,
        Status != 'ok', bitShiftLeft(toUInt128(Seq), 67),
        bitShiftLeft(toUInt128(Seq), 67) + bitNot(reinterpretAsUInt64(ifNull(Score, nan))) + bitShiftLeft(toUInt128(multiIf(
            Label = 'fail', 1,
            Label = 'pass', 2,
            isNull(Score), if(Label = '', 4, 3),
            Score < ifNull(Threshold, 0.5), 5,
            Score = ifNull(Threshold, 0.5), 6,
            7)), 64)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(Seq)
PARTITION BY toDate(CreatedAt)
ORDER BY (Project, Name, TraceId, SpanId, Source, Evaluator, EvaluatorVersion)
TTL toDate(CreatedAt) + INTERVAL 31 DAY
SETTINGS ttl_only_drop_parts = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 10,
    cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

-- Of each name, who gave scores and what kinds of them there are: a question about scores asks this first, and
-- leaves out what its names do not need. It only grows, by a row a version of an evaluator.
CREATE TABLE IF NOT EXISTS score_origins
(
    Name LowCardinality(String),
    Source LowCardinality(String),
    Evaluator LowCardinality(String),
    EvaluatorVersion LowCardinality(String),
    OfSpan Bool,
    BeforeTrace Bool,
    Ok Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (Name, Source, Evaluator, EvaluatorVersion, OfSpan, BeforeTrace, Ok)
SETTINGS min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 10,
    cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS score_origins_mv TO score_origins AS
SELECT DISTINCT Name, Source, Evaluator, EvaluatorVersion, SpanId != '' AS OfSpan, Project = '' AS BeforeTrace, Status = 'ok' AS Ok
FROM scores;

CREATE TABLE IF NOT EXISTS feedback
(
    Project LowCardinality(String),
    Name LowCardinality(String),
    TraceId String,
    Value Nullable(Float64),
    Label String,
    Comment String,
    CreatedAt DateTime64(3) DEFAULT now64(3),
    Seq UInt64,
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(Seq)
PARTITION BY toDate(CreatedAt)
ORDER BY (Project, Name, TraceId)
TTL toDate(CreatedAt) + INTERVAL 31 DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 10, cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

CREATE TABLE IF NOT EXISTS jobs
(
    Name String,
    Spec String,
    State LowCardinality(String),
    Cursor UInt64,
    LastRunAt Nullable(DateTime64(3)),
    CreatedAt DateTime64(3) DEFAULT now64(3),
    Seq UInt64
)
ENGINE = ReplacingMergeTree(Seq)
ORDER BY Name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 10, cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

-- What evaluators did with each trace or span, also where no score came of it.
CREATE TABLE IF NOT EXISTS ledger
(
    Evaluator LowCardinality(String),
    EvaluatorVersion LowCardinality(String),
    TraceId String,
    SpanId String,
    InputHash UInt64,
    Project LowCardinality(String),
    Job LowCardinality(String),
    Status LowCardinality(String),
    Reason String,
    CostUsd Nullable(Float64),
    LatencyMs Nullable(Float64),
    CreatedAt DateTime64(3) DEFAULT now64(3),
    Seq UInt64,
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(Seq)
PARTITION BY toDate(CreatedAt)
ORDER BY (Evaluator, EvaluatorVersion, TraceId, SpanId, InputHash)
TTL toDate(CreatedAt) + INTERVAL 31 DAY
SETTINGS ttl_only_drop_parts = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 10,
    cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

CREATE TABLE IF NOT EXISTS saved_cohorts
(
    Name String,
    Expression String,
    Deleted Bool,
    CreatedAt DateTime64(3) DEFAULT now64(3),
    Seq UInt64
)
ENGINE = ReplacingMergeTree(Seq)
ORDER BY Name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 10, cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

-- What ClickHouse decodes OTLP into: the shape of store/otlp.proto. Rows pass through, none stay.
-- `w` receives which member of the AnyValue was set, so that an empty string differs from no value.
CREATE TABLE IF NOT EXISTS otlp_in
(
    t Array(Tuple(
        r Tuple(a Array(Tuple(k String, v Tuple(s String, b Bool, i Int64, d Float64, a Tuple(v Array(Tuple(s String, b Bool, i Int64, d Float64, y String, w Enum8('n' = 0, 's' = 1, 'b' = 2, 'i' = 3, 'd' = 4, 'a' = 5, 'k' = 6, 'y' = 7)))), y String, w Enum8('n' = 0, 's' = 1, 'b' = 2, 'i' = 3, 'd' = 4, 'a' = 5, 'k' = 6, 'y' = 7))))),
        q Array(Tuple(
            c Tuple(n String, v String, a Array(Tuple(k String, v Tuple(s String, b Bool, i Int64, d Float64, y String, w Enum8('n' = 0, 's' = 1, 'b' = 2, 'i' = 3, 'd' = 4, 'a' = 5, 'k' = 6, 'y' = 7))))),
            s Array(Tuple(
                t String, s String, w String, p String, n String, k Int32, b UInt64, e UInt64,
                a Array(Tuple(k String, v Tuple(s String, b Bool, i Int64, d Float64, a Tuple(v Array(Tuple(s String, b Bool, i Int64, d Float64, y String, w Enum8('n' = 0, 's' = 1, 'b' = 2, 'i' = 3, 'd' = 4, 'a' = 5, 'k' = 6, 'y' = 7)))), y String, w Enum8('n' = 0, 's' = 1, 'b' = 2, 'i' = 3, 'd' = 4, 'a' = 5, 'k' = 6, 'y' = 7)))), da UInt32,
                x Array(Tuple(t UInt64, n String, a Array(Tuple(k String, v Tuple(s String, b Bool, i Int64, d Float64, y String, w Enum8('n' = 0, 's' = 1, 'b' = 2, 'i' = 3, 'd' = 4, 'a' = 5, 'k' = 6, 'y' = 7)))))), de UInt32,
                l Array(Tuple(t String, s String, w String, a Array(Tuple(k String, v Tuple(s String, b Bool, i Int64, d Float64, y String, w Enum8('n' = 0, 's' = 1, 'b' = 2, 'i' = 3, 'd' = 4, 'a' = 5, 'k' = 6, 'y' = 7)))))), dl UInt32,
                u Tuple(m String, c Int32), f UInt32)),
            u String)),
        u String)),
    pj Array(String),
    sq Array(UInt64)
)
ENGINE = Null;

-- Decodes only; every derived column hangs on otel_traces, so that rows of OpenTelemetry's own exporter get it
-- too. pj and sq are appended by the collector after the sender's bytes: the last element is always ours.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_mv TO otel_traces AS
SELECT
    fromUnixTimestamp64Nano(toInt64(least(s.b, 9223372036854775807))) AS Timestamp,
    lower(hex(s.t)) AS TraceId,
    lower(hex(s.s)) AS SpanId,
    -- Zeros are no id: some senders write them for the parent that a root has not.
    if(s.p = unhex('0000000000000000'), '', lower(hex(s.p))) AS ParentSpanId,
    s.w AS TraceState,
    s.n AS SpanName,
    ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'][greatest(s.k + 1, 0)] AS SpanKind,
    resource['service.name'] AS ServiceName,
    resource AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    mapFromArrays(s.a.k::Array(LowCardinality(String)), arrayMap(x -> multiIf(x.v.w = 's', x.v.s, x.v.w = 'i', toString(x.v.i), x.v.w = 'd', toString(x.v.d), x.v.w = 'b', if(x.v.b, 'true', 'false'), x.v.w = 'a', concat('[', arrayStringConcat(arrayMap(y -> multiIf(y.w = 's', toJSONString(y.s), y.w = 'i', toString(y.i), y.w = 'b', if(y.b, 'true', 'false'), y.w = 'd', toJSONString(y.d), y.w = 'y', concat('"', base64Encode(y.y), '"'), 'null'), x.v.a.v), ','), ']'), x.v.w = 'y', base64Encode(x.v.y), ''), s.a)) AS SpanAttributes,
    toUInt64(if(s.e > s.b, s.e - s.b, 0)) AS Duration,
    ['Unset', 'Ok', 'Error'][greatest(s.u.c + 1, 0)] AS StatusCode,
    s.u.m AS StatusMessage,
    arrayMap(e -> fromUnixTimestamp64Nano(toInt64(least(e.t, 9223372036854775807))), s.x) AS `Events.Timestamp`,
    s.x.n AS `Events.Name`,
    arrayMap(e -> mapFromArrays(e.a.k::Array(LowCardinality(String)), arrayMap(x -> multiIf(x.v.w = 's', x.v.s, x.v.w = 'i', toString(x.v.i), x.v.w = 'd', toString(x.v.d), x.v.w = 'b', if(x.v.b, 'true', 'false'), x.v.w = 'y', base64Encode(x.v.y), ''), e.a)), s.x) AS `Events.Attributes`,
    arrayMap(l -> lower(hex(l.t)), s.l) AS `Links.TraceId`,
    arrayMap(l -> lower(hex(l.s)), s.l) AS `Links.SpanId`,
    s.l.w AS `Links.TraceState`,
    arrayMap(l -> mapFromArrays(l.a.k::Array(LowCardinality(String)), arrayMap(x -> multiIf(x.v.w = 's', x.v.s, x.v.w = 'i', toString(x.v.i), x.v.w = 'd', toString(x.v.d), x.v.w = 'b', if(x.v.b, 'true', 'false'), x.v.w = 'y', base64Encode(x.v.y), ''), l.a)), s.l) AS `Links.Attributes`,
    firstNonDefault(bound_project, SpanAttributes['openinference.project.name'], resource['openinference.project.name'], 'default') AS Project,
    commit_seq AS Seq,
    fromUnixTimestamp64Micro(toInt64(commit_seq), 'UTC')::DateTime64(3) AS ArrivedAt,
    s.f AS Flags,
    s.da AS DroppedAttributes,
    s.de AS DroppedEvents,
    s.dl AS DroppedLinks,
    resource_url AS ResourceSchemaUrl,
    scope_url AS ScopeSchemaUrl,
    scope_attributes AS ScopeAttributes
FROM
(
    SELECT
        resource, resource_url, bound_project, commit_seq,
        q.c.n AS scope_name, q.c.v AS scope_version, q.u AS scope_url,
        mapFromArrays(q.c.a.k::Array(LowCardinality(String)), arrayMap(x -> multiIf(x.v.w = 's', x.v.s, x.v.w = 'i', toString(x.v.i), x.v.w = 'd', toString(x.v.d), x.v.w = 'b', if(x.v.b, 'true', 'false'), x.v.w = 'y', base64Encode(x.v.y), ''), q.c.a)) AS scope_attributes,
        arrayJoin(q.s) AS s
    FROM
    (
        SELECT
            mapFromArrays(t.r.a.k::Array(LowCardinality(String)), arrayMap(x -> multiIf(x.v.w = 's', x.v.s, x.v.w = 'i', toString(x.v.i), x.v.w = 'd', toString(x.v.d), x.v.w = 'b', if(x.v.b, 'true', 'false'), x.v.w = 'a', concat('[', arrayStringConcat(arrayMap(y -> multiIf(y.w = 's', toJSONString(y.s), y.w = 'i', toString(y.i), y.w = 'b', if(y.b, 'true', 'false'), y.w = 'd', toJSONString(y.d), y.w = 'y', concat('"', base64Encode(y.y), '"'), 'null'), x.v.a.v), ','), ']'), x.v.w = 'y', base64Encode(x.v.y), ''), t.r.a)) AS resource,
            t.u AS resource_url, bound_project, commit_seq,
            arrayJoin(t.q) AS q
        FROM (SELECT arrayJoin(t) AS t, pj[-1] AS bound_project, sq[-1] AS commit_seq FROM otlp_in)
    )
);
