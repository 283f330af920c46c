-- Spans as OpenTelemetry's ClickHouse exporter lays them out, so that its rows, Grafana and HyperDX fit; our own
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
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(3)),
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

    -- What the span is, in OpenInference's words, whichever of the four vocabularies it speaks.
    Kind LowCardinality(String) DEFAULT multiIf(
        SpanAttributes['openinference.span.kind'] != '',
            if(upper(SpanAttributes['openinference.span.kind']) = 'UNKNOWN', '', upper(SpanAttributes['openinference.span.kind'])),
        SpanAttributes['gen_ai.operation.name'] IN ('chat', 'generate_content', 'text_completion', 'completion'), 'LLM',
        SpanAttributes['gen_ai.operation.name'] IN ('embeddings', 'embedding'), 'EMBEDDING',
        SpanAttributes['gen_ai.operation.name'] IN ('retrieval', 'vector_db_retrieve', 'search_memory'), 'RETRIEVER',
        SpanAttributes['gen_ai.operation.name'] IN ('rerank', 'reranker'), 'RERANKER',
        SpanAttributes['gen_ai.operation.name'] IN ('invoke_agent', 'create_agent', 'plan'), 'AGENT',
        SpanAttributes['gen_ai.operation.name'] IN ('invoke_workflow', 'execute_task'), 'CHAIN',
        SpanAttributes['gen_ai.operation.name'] = 'execute_tool' OR SpanAttributes['gen_ai.operation.name'] LIKE '%\_memory%', 'TOOL',
        firstNonDefault(SpanAttributes['gen_ai.span.kind'], SpanAttributes['fi.span.kind']) != '',
            if(upper(firstNonDefault(SpanAttributes['gen_ai.span.kind'], SpanAttributes['fi.span.kind'])) = 'VECTOR_DB',
                if(lower(firstNonDefault(SpanAttributes['db.operation.name'], SpanAttributes['db.operation'], SpanAttributes['db.vector.operation'])) IN ('query', 'search', 'similarity_search'), 'RETRIEVER', 'TOOL'),
                if(upper(firstNonDefault(SpanAttributes['gen_ai.span.kind'], SpanAttributes['fi.span.kind'])) = 'UNKNOWN', '', upper(firstNonDefault(SpanAttributes['gen_ai.span.kind'], SpanAttributes['fi.span.kind'])))),
        SpanAttributes['llm.request.type'] IN ('chat', 'completion'), 'LLM',
        SpanAttributes['llm.request.type'] = 'embedding', 'EMBEDDING',
        SpanAttributes['llm.request.type'] = 'rerank', 'RERANKER',
        SpanAttributes['traceloop.span.kind'] IN ('workflow', 'task'), 'CHAIN',
        SpanAttributes['traceloop.span.kind'] = 'agent', 'AGENT',
        SpanAttributes['traceloop.span.kind'] = 'tool', 'TOOL',
        firstNonDefault(SpanAttributes['db.system.name'], SpanAttributes['db.system']) != ''
            AND lower(firstNonDefault(SpanAttributes['db.operation.name'], SpanAttributes['db.operation'])) IN ('query', 'search', 'similarity_search', 'hybrid_search'), 'RETRIEVER',
        '') CODEC(ZSTD(1)),
    -- The model of an LLM, EMBEDDING (name@version) or RERANKER span; 'unknown' is OpenLLMetry's word for none.
    Model LowCardinality(String) DEFAULT if(multiIf(
        Kind = 'EMBEDDING', concat(firstNonDefault(SpanAttributes['embedding.model_name'], SpanAttributes['gen_ai.request.model'], SpanAttributes['gen_ai.response.model'], SpanAttributes['llm.model_name']),
            if(SpanAttributes['embedding.model_version'] = '', '', concat('@', SpanAttributes['embedding.model_version']))),
        Kind = 'RERANKER', firstNonDefault(SpanAttributes['reranker.model_name'], SpanAttributes['gen_ai.reranker.model'], SpanAttributes['gen_ai.request.model']),
        Kind = 'LLM', firstNonDefault(SpanAttributes['llm.request.model_name'], SpanAttributes['llm.model_name'], SpanAttributes['gen_ai.request.model'], SpanAttributes['gen_ai.response.model'], SpanAttributes['llm.response.model_name']),
        '') = 'unknown', '', multiIf(
        Kind = 'EMBEDDING', concat(firstNonDefault(SpanAttributes['embedding.model_name'], SpanAttributes['gen_ai.request.model'], SpanAttributes['gen_ai.response.model'], SpanAttributes['llm.model_name']),
            if(SpanAttributes['embedding.model_version'] = '', '', concat('@', SpanAttributes['embedding.model_version']))),
        Kind = 'RERANKER', firstNonDefault(SpanAttributes['reranker.model_name'], SpanAttributes['gen_ai.reranker.model'], SpanAttributes['gen_ai.request.model']),
        Kind = 'LLM', firstNonDefault(SpanAttributes['llm.request.model_name'], SpanAttributes['llm.model_name'], SpanAttributes['gen_ai.request.model'], SpanAttributes['gen_ai.response.model'], SpanAttributes['llm.response.model_name']),
        '')) CODEC(ZSTD(1)),
    -- 1: the span has an input text, 2: an output text; the texts themselves stay in the attributes.
    Texts UInt8 DEFAULT
        (firstNonDefault(SpanAttributes['input.value'], SpanAttributes['gen_ai.input.messages'], SpanAttributes['gen_ai.retrieval.query.text'], SpanAttributes['gen_ai.retrieval.query'], SpanAttributes['traceloop.entity.input'], SpanAttributes['gen_ai.task.input'], SpanAttributes['llm.input_messages.0.message.content'], SpanAttributes['gen_ai.prompt.0.content'], SpanAttributes['reranker.query']) != '')
        + 2 * (firstNonDefault(SpanAttributes['output.value'], SpanAttributes['llm.output_messages.0.message.content'], SpanAttributes['gen_ai.output.messages'], SpanAttributes['gen_ai.completion.0.content'], SpanAttributes['traceloop.entity.output'], SpanAttributes['gen_ai.task.output']) != '') CODEC(ZSTD(1)),
    Session String DEFAULT firstNonDefault(SpanAttributes['session.id'], SpanAttributes['gen_ai.conversation.id'], SpanAttributes['traceloop.association.properties.session_id']) CODEC(ZSTD(1)),
    User String DEFAULT firstNonDefault(SpanAttributes['user.id'], SpanAttributes['enduser.id'], SpanAttributes['traceloop.association.properties.user_id']) CODEC(ZSTD(1)),
    MetadataJson String DEFAULT SpanAttributes['metadata'] CODEC(ZSTD(1)),
    Tags Array(String) DEFAULT JSONExtract(SpanAttributes['tag.tags'], 'Array(String)') CODEC(ZSTD(1)),
    PromptVersion LowCardinality(String) DEFAULT SpanAttributes['llm.prompt_template.version'] CODEC(ZSTD(1)),
    Route LowCardinality(String) DEFAULT SpanAttributes['groundtrace.route'] CODEC(ZSTD(1)),
    TokensPrompt Nullable(UInt64) DEFAULT toUInt64OrNull(firstNonDefault(SpanAttributes['llm.token_count.prompt'], SpanAttributes['gen_ai.usage.input_tokens'], SpanAttributes['gen_ai.usage.prompt_tokens'])) CODEC(ZSTD(1)),
    TokensCompletion Nullable(UInt64) DEFAULT toUInt64OrNull(firstNonDefault(SpanAttributes['llm.token_count.completion'], SpanAttributes['gen_ai.usage.output_tokens'], SpanAttributes['gen_ai.usage.completion_tokens'])) CODEC(ZSTD(1)),
    TokensCacheRead Nullable(UInt64) DEFAULT toUInt64OrNull(firstNonDefault(SpanAttributes['llm.token_count.prompt_details.cache_read'], SpanAttributes['llm.token_count.prompt_details.cache_input'], SpanAttributes['gen_ai.usage.cache_read.input_tokens'], SpanAttributes['gen_ai.usage.cache_read_input_tokens'], SpanAttributes['gen_ai.usage.cache_read_tokens'], SpanAttributes['gen_ai.usage.input_tokens.cache_read'])) CODEC(ZSTD(1)),
    TokensReasoning Nullable(UInt64) DEFAULT toUInt64OrNull(firstNonDefault(SpanAttributes['llm.token_count.completion_details.reasoning'], SpanAttributes['gen_ai.usage.reasoning.output_tokens'], SpanAttributes['gen_ai.usage.output_tokens.reasoning'], SpanAttributes['gen_ai.usage.reasoning_tokens'])) CODEC(ZSTD(1)),
    CostUsd Nullable(Float64) DEFAULT toFloat64OrNull(firstNonDefault(SpanAttributes['llm.cost.total'], SpanAttributes['gen_ai.cost.total'])) CODEC(ZSTD(1)),
    Shadow Bool DEFAULT SpanAttributes['groundtrace.shadow'] = 'true' CODEC(ZSTD(1)),
    Indexing Bool DEFAULT SpanAttributes['groundtrace.indexing'] = 'true' CODEC(ZSTD(1)),
    Fallback Bool DEFAULT SpanAttributes['groundtrace.fallback'] = 'true' CODEC(ZSTD(1)),
    RetryAttempt UInt32 DEFAULT toUInt32OrZero(SpanAttributes['groundtrace.retry.attempt']) CODEC(ZSTD(1)),
    CacheHit Nullable(Bool) DEFAULT if(SpanAttributes['groundtrace.cache.hit'] = '', NULL, SpanAttributes['groundtrace.cache.hit'] = 'true') CODEC(ZSTD(1)),
    CacheSimilarity Nullable(Float64) DEFAULT toFloat64OrNull(SpanAttributes['groundtrace.cache.similarity']) CODEC(ZSTD(1)),
    EmbeddedTexts UInt32 DEFAULT if(Kind = 'EMBEDDING', toUInt32(arrayCount(k -> k LIKE 'embedding.embeddings.%.embedding.text' OR k LIKE 'gen_ai.prompt.%.content', mapKeys(SpanAttributes))), 0) CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) DEFAULT if(StatusCode != 'Error', '', firstNonDefault(
        arrayFirst(x -> x != '', arrayMap(e -> e['exception.type'], `Events.Attributes`)), SpanAttributes['error.type'], 'error')) CODEC(ZSTD(1)),
    DatasetRow String DEFAULT SpanAttributes['groundtrace.dataset.row'] CODEC(ZSTD(1)),
    GoldIds Array(String) DEFAULT JSONExtract(SpanAttributes['groundtrace.gold.document_ids'], 'Array(String)') CODEC(ZSTD(1)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1,
    INDEX idx_seq Seq TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
PRIMARY KEY (ServiceName, SpanName, toDateTime(Timestamp))
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, old_parts_lifetime = 20,
    min_rows_to_fsync_after_merge = 1;

-- One row a document of a retriever's or reranker's span; its text stays in the span's attributes.
-- A trace's documents lie together, and those of one time do, so settling reads little.
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
    Seq UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX idx_document_id DocumentId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfFiveMinutes(Timestamp), TraceId, SpanId, Stage, Rank)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, old_parts_lifetime = 20,
    min_rows_to_fsync_after_merge = 1;

-- Flattened keys carry the document's place: retrieval.documents.0.document.id is rank 1, also when a place
-- before it was dropped. `code` is the stage and the place in one number; each field is gathered by it.
CREATE MATERIALIZED VIEW IF NOT EXISTS retrieved_documents_mv TO retrieved_documents AS
SELECT
    Project, TraceId, SpanId, Timestamp,
    ['retrieved', 'rerank_in', 'rerank_out'][intDiv(document.1, 65536) + 1] AS Stage,
    toUInt16(document.1 % 65536 + 1) AS Rank,
    document.2 AS DocumentId,
    document.3 AS Score,
    document.4 AS ContentHash,
    Seq
FROM
(
    SELECT
        Project, TraceId, SpanId, Timestamp, Seq,
        arrayJoin(arrayMap(code -> tuple(
            code,
            firstNonDefault(ids.2[indexOf(ids.1, code)], metadata_ids.2[indexOf(metadata_ids.1, code)],
                if(contents.2[indexOf(contents.1, code)] = 0, '', concat('content-', lower(hex(contents.2[indexOf(contents.1, code)]))))),
            if(has(scores.1, code), scores.2[indexOf(scores.1, code)], NULL),
            contents.2[indexOf(contents.1, code)]),
            arraySort(arrayDistinct(arrayConcat(ids.1, scores.1, contents.1))))) AS document
    FROM
    (
        SELECT
            Project, TraceId, SpanId, Timestamp, Seq,
            arrayMap(x -> (x.1, x.3), arrayFilter(x -> x.2 = 'id', fields)) AS ids,
            arrayMap(x -> (x.1, toFloat64OrNull(x.3)), arrayFilter(x -> x.2 = 'score' AND isNotNull(toFloat64OrNull(x.3)), fields)) AS scores,
            arrayMap(x -> (x.1, cityHash64(x.3)), arrayFilter(x -> x.2 = 'content' AND x.3 != '', fields)) AS contents,
            arrayMap(x -> (x.1, firstNonDefault(JSONExtractString(x.3, 'id'), JSONExtractString(x.3, '_id'),
                JSONExtractString(x.3, 'doc_id'), JSONExtractString(x.3, 'source'))),
                arrayFilter(x -> x.2 = 'metadata', fields)) AS metadata_ids
        FROM
        (
            SELECT
                Project, TraceId, SpanId, Timestamp, Seq,
                arrayConcat(
                    arrayMap(
                        (k, v) -> tuple(
                            65536 * multiIf(startsWith(k, 'retrieval'), 0, startsWith(k, 'reranker.i'), 1, 2) + toUInt16OrZero(splitByChar('.', k)[3]),
                            splitByChar('.', k)[5],
                            v),
                        arrayFilter(k -> match(k, '^(retrieval\\.documents|reranker\\.(in|out)put_documents)\\.[0-9]{1,4}\\.document\\.(id|score|content|metadata)$'), mapKeys(SpanAttributes)),
                        arrayFilter((v, k) -> match(k, '^(retrieval\\.documents|reranker\\.(in|out)put_documents)\\.[0-9]{1,4}\\.document\\.(id|score|content|metadata)$'), mapValues(SpanAttributes), mapKeys(SpanAttributes))),
                    arrayFlatten(arrayMap(
                        (d, i) -> [
                            (toUInt32(i - 1), 'id', JSONExtractString(d, 'id')),
                            (toUInt32(i - 1), 'score', JSONExtractRaw(d, 'score')),
                            (toUInt32(i - 1), 'content', JSONExtractString(d, 'content'))],
                        JSONExtractArrayRaw(SpanAttributes['gen_ai.retrieval.documents']),
                        arrayEnumerate(JSONExtractArrayRaw(SpanAttributes['gen_ai.retrieval.documents']))))) AS fields
            FROM otel_traces
            WHERE Kind IN ('RETRIEVER', 'RERANKER')
        )
    )
);

-- One row a trace, settled: recomputed from the trace's distinct spans whenever some arrive (store/settle).
-- Always read with FINAL; a late root may move a row to another day, so versions may lie in two partitions.
CREATE TABLE IF NOT EXISTS traces
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    Version UInt64 CODEC(Delta(8), ZSTD(1)),
    LastSeq UInt64 CODEC(Delta(8), ZSTD(1)),
    LastArrivedAt DateTime64(3) CODEC(Delta(8), ZSTD(1)),
    StartedAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    FirstSpanAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    LastSpanAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    DurationNs UInt64 CODEC(T64, ZSTD(1)),
    Name LowCardinality(String) CODEC(ZSTD(1)),
    Service LowCardinality(String) CODEC(ZSTD(1)),
    Status LowCardinality(String) CODEC(ZSTD(1)),
    HasRoot Bool CODEC(ZSTD(1)),
    Incomplete Bool CODEC(ZSTD(1)),
    RootSpanId String CODEC(ZSTD(1)),
    SpanCount UInt32 CODEC(T64, ZSTD(1)),
    Session String CODEC(ZSTD(1)),
    User String CODEC(ZSTD(1)),
    Query String CODEC(ZSTD(3)),
    Answer String CODEC(ZSTD(3)),
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
    TokensReasoning Nullable(UInt64) CODEC(ZSTD(1)),
    CostUsd Nullable(Float64) CODEC(ZSTD(1)),
    Metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Tags Array(String) CODEC(ZSTD(1)),
    SpanKinds Array(LowCardinality(String)) CODEC(ZSTD(1)),
    SpanNs Array(UInt64) CODEC(ZSTD(1)),
    ErrorTypes Array(LowCardinality(String)) CODEC(ZSTD(1)),
    RetrievedIds Array(String) CODEC(ZSTD(1)),
    ContextIds Array(String) CODEC(ZSTD(1)),
    RerankScores Array(Float64) CODEC(ZSTD(1)),
    GoldIds Array(String) CODEC(ZSTD(1)),
    DatasetRow String CODEC(ZSTD(1)),
    Retries UInt32 CODEC(T64, ZSTD(1)),
    Fallback Bool CODEC(ZSTD(1)),
    CacheHit Nullable(Bool) CODEC(ZSTD(1)),
    CacheSimilarity Nullable(Float64) CODEC(ZSTD(1)),
    EmbeddedTexts UInt32 CODEC(T64, ZSTD(1)),
    EmbeddingNs UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version)
PARTITION BY toDate(StartedAt)
ORDER BY (Project, TraceId)
SETTINGS ttl_only_drop_parts = 1, old_parts_lifetime = 20, min_rows_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS scores
(
    Project LowCardinality(String),
    Name LowCardinality(String),
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
    Seq UInt64
)
ENGINE = ReplacingMergeTree(Seq)
PARTITION BY toDate(CreatedAt)
ORDER BY (Project, Name, TraceId, SpanId, Source, Evaluator, EvaluatorVersion)
SETTINGS ttl_only_drop_parts = 1, old_parts_lifetime = 20, min_rows_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS feedback
(
    Project LowCardinality(String),
    Name LowCardinality(String),
    TraceId String,
    Value Nullable(Float64),
    Label String,
    Comment String,
    CreatedAt DateTime64(3) DEFAULT now64(3),
    Seq UInt64
)
ENGINE = ReplacingMergeTree(Seq)
PARTITION BY toDate(CreatedAt)
ORDER BY (Project, Name, TraceId)
SETTINGS ttl_only_drop_parts = 1, old_parts_lifetime = 20, min_rows_to_fsync_after_merge = 1;

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
SETTINGS old_parts_lifetime = 20, min_rows_to_fsync_after_merge = 1;

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
    Seq UInt64
)
ENGINE = ReplacingMergeTree(Seq)
PARTITION BY toDate(CreatedAt)
ORDER BY (Evaluator, EvaluatorVersion, TraceId, SpanId, InputHash)
SETTINGS ttl_only_drop_parts = 1, old_parts_lifetime = 20, min_rows_to_fsync_after_merge = 1;

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
SETTINGS old_parts_lifetime = 20, min_rows_to_fsync_after_merge = 1;

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
    lower(hex(s.p)) AS ParentSpanId,
    s.w AS TraceState,
    s.n AS SpanName,
    ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'][s.k + 1] AS SpanKind,
    resource['service.name'] AS ServiceName,
    resource AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    mapFromArrays(s.a.k::Array(LowCardinality(String)), arrayMap(x -> multiIf(x.v.w = 's', x.v.s, x.v.w = 'i', toString(x.v.i), x.v.w = 'd', toString(x.v.d), x.v.w = 'b', if(x.v.b, 'true', 'false'), x.v.w = 'a', concat('[', arrayStringConcat(arrayMap(y -> multiIf(y.w = 's', toJSONString(y.s), y.w = 'i', toString(y.i), y.w = 'b', if(y.b, 'true', 'false'), y.w = 'd', toJSONString(y.d), y.w = 'y', concat('"', base64Encode(y.y), '"'), 'null'), x.v.a.v), ','), ']'), x.v.w = 'y', base64Encode(x.v.y), ''), s.a)) AS SpanAttributes,
    toUInt64(if(s.e > s.b, s.e - s.b, 0)) AS Duration,
    ['Unset', 'Ok', 'Error'][s.u.c + 1] AS StatusCode,
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
