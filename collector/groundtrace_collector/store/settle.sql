-- Recomputes the rows of the traces that some commits touched. Every rule about a whole trace is here.
-- The tables are temporary: each settling makes them anew on its own handle. A trace is known by its project and
-- its id: a sender who takes another project's ids must not get at that project's spans and texts.

-- Which traces, and between which instants all of their spans lie: the new spans' own times, and those that
-- the trace's row already knows. A trace's row always covers every span settled so far.
CREATE OR REPLACE TEMPORARY TABLE touched ENGINE = Memory AS
SELECT Project, TraceId, min(FirstAt) AS FirstAt, max(LastAt) AS LastAt
FROM
(
    SELECT Project, TraceId, min(Timestamp) AS FirstAt, max(Timestamp) AS LastAt
    FROM otel_traces
    WHERE Seq IN {seqs:Array(UInt64)} AND Seq BETWEEN {first_seq:UInt64} AND {last_seq:UInt64}
    GROUP BY Project, TraceId
    UNION ALL
    SELECT Project, TraceId, FirstSpanAt, LastSpanAt
    FROM traces
    WHERE TraceKey IN (
        SELECT reinterpretAsUInt128(MD5(TraceId)) FROM otel_traces
        WHERE Seq IN {seqs:Array(UInt64)} AND Seq BETWEEN {first_seq:UInt64} AND {last_seq:UInt64})
)
GROUP BY Project, TraceId;

-- The traces' distinct spans: a span that a sender repeated is stored twice and counts once. The instants of
-- all traces together bound what is read; traces of many days are few, their ids find them in the rest.
CREATE OR REPLACE TEMPORARY TABLE spans ENGINE = Memory AS
SELECT
    Project, TraceId, SpanId, ParentSpanId, Timestamp, Duration, SpanName, ServiceName, ScopeName, StatusCode, Seq, ArrivedAt,
    Kind, Model, Texts, Session, User, MetadataJson, Tags, PromptVersion, Route,
    TokensPrompt, TokensCompletion, TokensCacheRead, TokensCacheWrite, TokensReasoning, CostUsd,
    Shadow, Indexing, Fallback, RetryAttempt, CacheHit, CacheSimilarity, EmbeddedTexts, ErrorType, DatasetRow, GoldIds
FROM otel_traces
WHERE Timestamp >= (SELECT min(FirstAt) FROM touched) AND Timestamp <= (SELECT max(LastAt) FROM touched)
    AND toDate(Timestamp) IN (
        SELECT DISTINCT arrayJoin(arrayMap(n -> toDate(FirstAt) + n, range(toUInt32(toDate(LastAt) - toDate(FirstAt) + 1))))
        FROM touched)
    AND (Project, TraceId) IN (SELECT Project, TraceId FROM touched)
ORDER BY Seq
LIMIT 1 BY Project, TraceId, SpanId;

-- Tokens and cost count once a call. A framework's view of a client's call does not count: an LLM span above
-- another one that has tokens (its parent, or one step further up); and where two instrumentations describe
-- the same calls side by side (as many, with the same tokens), the one whose spans begin first, which is outside.
-- So it is with embeddings, whose tokens have a price, too.
CREATE OR REPLACE TEMPORARY TABLE covered ENGINE = Memory AS
WITH calls AS
(
    SELECT Project, TraceId, SpanId, ParentSpanId, Kind, ScopeName, Timestamp, TokensPrompt, TokensCompletion
    FROM spans
    WHERE Kind IN ('LLM', 'EMBEDDING') AND (TokensPrompt IS NOT NULL OR TokensCompletion IS NOT NULL OR CostUsd IS NOT NULL)
)
SELECT call.Project AS Project, call.TraceId AS TraceId, call.Kind AS Kind, arrayJoin([call.ParentSpanId, parent.ParentSpanId]) AS SpanId
FROM calls AS call
LEFT ANY JOIN (SELECT Project, TraceId, SpanId, ParentSpanId FROM spans) AS parent
    ON call.Project = parent.Project AND call.TraceId = parent.TraceId AND call.ParentSpanId = parent.SpanId
UNION ALL
SELECT Project, TraceId, Kind, arrayJoin(arrayFlatten(arrayMap(scope -> scope.2,
    arrayFilter((scope, i) -> i < length(scopes) AND length(scope.2) = length(scopes[-1].2), scopes, arrayEnumerate(scopes))))) AS SpanId
FROM
(
    SELECT Project, TraceId, Kind, arraySort(scope -> scope.1, groupArray((Began, SpanIds))) AS scopes
    FROM
    (
        SELECT Project, TraceId, Kind, TokensPrompt, TokensCompletion, ScopeName, min(Timestamp) AS Began, groupArray(SpanId) AS SpanIds
        FROM calls
        WHERE (Project, TraceId) IN (SELECT Project, TraceId FROM calls GROUP BY Project, TraceId HAVING uniqExact(ScopeName) > 1)
        GROUP BY Project, TraceId, Kind, TokensPrompt, TokensCompletion, ScopeName
    )
    GROUP BY Project, TraceId, Kind, TokensPrompt, TokensCompletion
    HAVING length(scopes) > 1
);

-- A trace in the making: all but the texts. `place` puts the root first: the span without parent, else the
-- earliest whose parent is not stored, else (a circle) the earliest.
CREATE OR REPLACE TEMPORARY TABLE settling ENGINE = Memory AS
SELECT
    Project, TraceId,
    max(Seq) AS LastSeq,
    max(ArrivedAt) AS LastArrivedAt,
    argMin(Timestamp, place) AS RootAt,
    min(Timestamp) AS FirstSpanAt,
    max(Timestamp) AS LastSpanAt,
    countIf(ParentSpanId = '') > 0 AS HasRoot,
    if(HasRoot, argMin(Duration, place),
        toUInt64(max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) - min(toUnixTimestamp64Nano(Timestamp)))) AS DurationNs,
    argMin(SpanName, place) AS Name,
    argMin(ServiceName, place) AS Service,
    transform(argMin(StatusCode, place), ['Ok', 'Error'], ['ok', 'error'], 'unset') AS Status,
    argMin(SpanId, place) AS RootSpanId,
    toUInt32(count()) AS SpanCount,
    -- The root's word stands, else the earliest span's that says anything.
    firstNonDefault(argMin(Session, place), argMinIf(Session, Timestamp, Session != '')) AS Session,
    firstNonDefault(argMin(User, place), argMinIf(User, Timestamp, User != '')) AS User,
    firstNonDefault(argMin(PromptVersion, place), argMinIf(PromptVersion, Timestamp, PromptVersion != '')) AS PromptVersion,
    firstNonDefault(argMin(Route, place), argMinIf(Route, Timestamp, Route != '')) AS Route,
    firstNonDefault(argMin(DatasetRow, place), argMinIf(DatasetRow, Timestamp, DatasetRow != '')) AS DatasetRow,
    if(empty(argMin(GoldIds, place)), argMinIf(GoldIds, Timestamp, notEmpty(GoldIds)), argMin(GoldIds, place)) AS GoldIds,
    arrayDistinct(arrayConcat([argMin(MetadataJson, place)],
        arraySort(x -> x.1, groupUniqArrayIf(1000)((Timestamp, MetadataJson), MetadataJson != '')).2)) AS Metadatas,
    arrayDistinct(arrayFlatten(arraySort(x -> x.1, groupArrayIf(1000)((Timestamp, Tags), notEmpty(Tags))).2)) AS Tags,
    -- Where the retriever asks the encoder itself, the embedding starts after the retriever but ends before it.
    -- Without a retriever the last embedding is the one.
    minIf(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), Kind = 'RETRIEVER' AND NOT Shadow) AS FirstRetrievedNs,
    countIf(Kind = 'RETRIEVER' AND NOT Shadow) > 0 AS HasRetriever,
    arraySort(x -> x.1, groupArrayIf((toUnixTimestamp64Nano(Timestamp), Model, SpanId),
        Kind = 'EMBEDDING' AND Model != '' AND NOT Shadow AND NOT Indexing AND CacheHit IS NULL)) AS Embeddings,
    arrayLast(x -> NOT HasRetriever OR x.1 <= FirstRetrievedNs, Embeddings) AS Embedding,
    Embedding.2 AS Encoder,
    arrayDistinct(arraySort(x -> x.1, groupArrayIf((Timestamp, Model), Kind = 'EMBEDDING' AND Model != '' AND NOT Indexing)).2) AS Encoders,
    argMaxIf(Model, Timestamp, Kind = 'RERANKER' AND NOT Shadow AND Model != '') AS Reranker,
    -- A number costs less to compare than a pair: calls before the rest, then by time.
    argMaxIf(Model, bitShiftLeft(is_call::UInt64, 63) + toUnixTimestamp64Nano(Timestamp)::UInt64, Kind = 'LLM' AND Model != '') AS LlmModel,
    sumOrNullIf(TokensPrompt, is_call) AS TokensPrompt,
    sumOrNullIf(TokensCompletion, is_call) AS TokensCompletion,
    sumOrNullIf(TokensCacheRead, is_call) AS TokensCacheRead,
    sumOrNullIf(TokensCacheWrite, is_call) AS TokensCacheWrite,
    sumOrNullIf(TokensReasoning, is_call) AS TokensReasoning,
    -- A sum without one of the calls would be too low, and nobody would see it.
    if(countIf(is_call AND Cost IS NULL AND (TokensPrompt IS NOT NULL OR TokensCompletion IS NOT NULL)) > 0,
        NULL, sumOrNullIf(Cost, is_charged)) AS CostUsd,
    groupArray(Kind) AS SpanKinds,
    groupArray(Duration) AS SpanNs,
    arraySort(groupUniqArrayIf(100)(ErrorType, ErrorType != '')) AS ErrorTypes,
    toUInt32(countIf(RetryAttempt > 0)) AS Retries,
    max(Fallback) AS Fallback,
    maxOrNull(CacheHit) AS CacheHit,
    argMaxIf(CacheSimilarity, Timestamp, CacheSimilarity IS NOT NULL) AS CacheSimilarity,
    toUInt32(sumIf(EmbeddedTexts, Kind = 'EMBEDDING')) AS EmbeddedTexts,
    sumIf(Duration, Kind = 'EMBEDDING') AS EmbeddingNs,
    if(bitTest(argMin(Texts, place), 0), RootSpanId, argMinIf(SpanId, Timestamp, Kind = 'RETRIEVER' AND NOT Shadow AND bitTest(Texts, 0))) AS QuerySpanId,
    if(bitTest(argMin(Texts, place), 1), RootSpanId, argMaxIf(SpanId, Timestamp, Kind = 'LLM' AND bitTest(Texts, 1))) AS AnswerSpanId,
    argMaxIf(SpanId, Timestamp, Kind = 'RETRIEVER' AND NOT Shadow) AS LastRetriever,
    argMaxIf(SpanId, Timestamp, Kind = 'RERANKER' AND NOT Shadow) AS LastReranker
FROM
(
    SELECT
        span.*,
        bitShiftLeft(multiIf(span.ParentSpanId = '', 0, parent.SpanId = '', 1, 2)::UInt64, 62) + toUnixTimestamp64Nano(span.Timestamp)::UInt64 AS place,
        span.Kind IN ('LLM', 'EMBEDDING', 'RERANKER')
            AND (span.Project, span.TraceId, span.SpanId, span.Kind) NOT IN (SELECT Project, TraceId, SpanId, Kind FROM covered) AS is_charged,
        span.Kind = 'LLM' AND is_charged AS is_call,
        -- What a span says itself stands. Else its tokens have the price of its model, its day and its length, as
        -- prices/table.py has it for one span; cached tokens are the prompt's, reasoning is the answer's.
        arrayLastIndex((model, since_ns, over_tokens) -> model = span.Model
                AND since_ns <= toUnixTimestamp64Nano(span.Timestamp) AND over_tokens < toInt64(span.TokensPrompt),
            {price_model:Array(String)}, {price_since_ns:Array(Int64)}, {price_over_tokens:Array(Int64)}) AS price,
        ifNull(span.TokensCacheRead, 0) + ifNull(span.TokensCacheWrite, 0) AS cached,
        coalesce(span.CostUsd, if(price = 0, NULL, (
            (span.TokensPrompt - if(span.TokensPrompt >= cached, cached, 0)) * {price_input:Array(Float64)}[price]
            + ifNull(span.TokensCacheRead, 0) * {price_cache_read:Array(Float64)}[price]
            + ifNull(span.TokensCacheWrite, 0) * {price_cache_write:Array(Float64)}[price]
            + if(span.Kind != 'LLM' OR span.TokensCompletion = 0, 0, span.TokensCompletion * {price_output:Array(Nullable(Float64))}[price])
            ) / 1000000)) AS Cost
    FROM spans AS span
    LEFT ANY JOIN (SELECT Project, TraceId, SpanId FROM spans) AS parent
        ON span.Project = parent.Project AND span.TraceId = parent.TraceId AND span.ParentSpanId = parent.SpanId
)
GROUP BY Project, TraceId;

-- The texts of the few spans that give a trace its question and its answer, out of the wrapping that
-- frameworks put around them.
CREATE OR REPLACE TEMPORARY TABLE texts ENGINE = Memory AS
WITH
    (text, names) -> arrayFirst(member -> member != '', arrayMap(name -> JSONExtractString(text, name), names)) AS named,
    (text, names) -> multiIf(
        startsWith(text, '"') AND isValidJSON(text), JSONExtractString(text),
        startsWith(text, '{') AND isValidJSON(text), firstNonDefault(named(text, names), text),
        text) AS unwrapped,
    message -> arrayStringConcat(arrayMap(
        part -> JSONExtractString(part, 'content'),
        arrayFilter(part -> JSONExtractString(part, 'type') = 'text', JSONExtractArrayRaw(message, 'parts'))), '\n') AS message_text
SELECT
    Project, TraceId, SpanId,
    unwrapped(InputText, ['question', 'query', 'input', 'inputs', 'user_input', 'prompt', 'text']) AS Input,
    unwrapped(OutputText, ['answer', 'output', 'outputs', 'result', 'response', 'text', 'content']) AS Output
FROM
(
    SELECT
        Project, TraceId, SpanId,
        -- What a user said last; an LLM's own input.value is the provider's request.
        arrayLast((key, value) -> value = 'user' AND match(key, '^(llm[.]input_messages|gen_ai[.]input[.]messages|gen_ai[.]prompt)[.].*role$'),
            mapKeys(SpanAttributes), mapValues(SpanAttributes)) AS user_role,
        firstNonDefault(
            if(user_role = '', '', SpanAttributes[replaceOne(user_role, '.role', '.content')]),
            SpanAttributes['input.value'],
            message_text(arrayLast(m -> JSONExtractString(m, 'role') = 'user', JSONExtractArrayRaw(SpanAttributes['gen_ai.input.messages']))),
            SpanAttributes['gen_ai.retrieval.query.text'],
            SpanAttributes['gen_ai.retrieval.query'],
            SpanAttributes['traceloop.entity.input'],
            SpanAttributes['gen_ai.task.input'],
            SpanAttributes['reranker.query'],
            SpanAttributes['gen_ai.prompt.1.content'],
            SpanAttributes['gen_ai.prompt.0.content']) AS InputText,
        firstNonDefault(
            SpanAttributes['llm.output_messages.0.message.content'],
            SpanAttributes['gen_ai.output.messages.0.message.content'],
            message_text(JSONExtractArrayRaw(SpanAttributes['gen_ai.output.messages'])[1]),
            SpanAttributes['gen_ai.completion.0.content'],
            SpanAttributes['output.value'],
            SpanAttributes['traceloop.entity.output'],
            SpanAttributes['gen_ai.task.output']) AS OutputText
    FROM otel_traces
    WHERE Timestamp >= (SELECT min(FirstSpanAt) FROM settling) AND Timestamp <= (SELECT max(LastSpanAt) FROM settling)
        AND (Project, TraceId, SpanId) IN (
            SELECT Project, TraceId, QuerySpanId FROM settling WHERE QuerySpanId != ''
            UNION ALL
            SELECT Project, TraceId, AnswerSpanId FROM settling WHERE AnswerSpanId != '')
    LIMIT 1 BY Project, TraceId, SpanId
);

-- The documents of each trace's last retriever and last reranker, best first. A reranker's output seldom
-- carries text: what it is worth to an evaluator is known by id from any stage that has it. A thousand
-- documents of a trace are looked at, no more.
CREATE OR REPLACE TEMPORARY TABLE documents ENGINE = Memory AS
SELECT
    Project, TraceId,
    groupArray(1000)((SpanId, Stage, Rank, DocumentId, Score, ContentHash)) AS List,
    arrayFilter(x -> x.6 != 0, List) AS WithText
FROM
(
    SELECT Project, TraceId, SpanId, Stage, Rank, DocumentId, Score, ContentHash
    FROM retrieved_documents
    WHERE Timestamp >= (SELECT min(FirstSpanAt) FROM settling) AND Timestamp <= (SELECT max(LastSpanAt) FROM settling)
        AND toStartOfFiveMinutes(Timestamp) >= toStartOfFiveMinutes((SELECT min(FirstSpanAt) FROM settling))
        AND toStartOfFiveMinutes(Timestamp) <= toStartOfFiveMinutes((SELECT max(LastSpanAt) FROM settling))
        AND (Project, TraceId) IN (SELECT Project, TraceId FROM settling WHERE LastRetriever != '' OR LastReranker != '')
    LIMIT 1 BY Project, TraceId, SpanId, Stage, Rank
)
GROUP BY Project, TraceId;

-- Of traces whose gold documents are known, how the retriever's scores tell them from the best of the others, and
-- the space that the scores lie in. Where the retriever does not say what a high score is, the order tells:
-- distances rise from the best on. A gold document counts at its first place.
CREATE OR REPLACE TEMPORARY TABLE margins
(
    Project String, TraceId String, Margin Nullable(Float64), MarginAuroc Nullable(Float64), MarginSpace String
)
ENGINE = Memory;

INSERT INTO margins
WITH
    spaces AS
    (
        SELECT Project, TraceId, SpanId, SpanAttributes['retrieval.score_sense'] AS Sense, SpanAttributes['embedding.fingerprint'] AS Fingerprint
        FROM otel_traces
        WHERE Timestamp >= (SELECT min(FirstSpanAt) FROM settling WHERE notEmpty(GoldIds))
            AND Timestamp <= (SELECT max(LastSpanAt) FROM settling WHERE notEmpty(GoldIds))
            AND (Project, TraceId, SpanId) IN (
                SELECT Project, TraceId, arrayJoin([LastRetriever, Embedding.3]) FROM settling WHERE notEmpty(GoldIds))
        LIMIT 1 BY Project, TraceId, SpanId
    )
SELECT
    Project, TraceId,
    arrayAvg(OfGold) - Best AS Margin,
    arrayAvg(arrayMap(score -> if(score = Best, 0.5, score > Best), OfGold)) AS MarginAuroc,
    concat(firstNonDefault(Fingerprint, Encoder), if(IsDistance, ' (distance)', '')) AS MarginSpace
FROM
(
    SELECT
        trace.Project AS Project, trace.TraceId AS TraceId, trace.Encoder AS Encoder, encoder.Fingerprint AS Fingerprint,
        arraySort(x -> x.3, arrayFilter(x -> x.1 = LastRetriever AND x.2 = 'retrieved' AND ifNull(isFinite(x.5), false), document.List)) AS Listed,
        arrayMap(x -> assumeNotNull(x.5), Listed) AS Scores,
        if(retriever.Sense != '', retriever.Sense = 'distance',
            arraySum(step -> toInt64(step > 0) - toInt64(step < 0), arrayDifference(Scores)) > 0) AS IsDistance,
        arrayMap(score -> if(IsDistance, -score, score), Scores) AS Nearness,
        arrayFilter((score, id, place) -> has(GoldIds, id) AND indexOf(Listed.4, id) = place, Nearness, Listed.4, arrayEnumerate(Listed)) AS OfGold,
        arrayFilter((score, id) -> NOT has(GoldIds, id), Nearness, Listed.4) AS OfOthers,
        arrayMax(OfOthers) AS Best
    FROM (SELECT Project, TraceId, GoldIds, Encoder, LastRetriever, Embedding.3 AS EncoderSpanId FROM settling WHERE notEmpty(GoldIds)) AS trace
    LEFT ANY JOIN (SELECT * FROM documents WHERE (Project, TraceId) IN (SELECT Project, TraceId FROM settling WHERE notEmpty(GoldIds))) AS document
        ON trace.Project = document.Project AND trace.TraceId = document.TraceId
    LEFT ANY JOIN spaces AS retriever
        ON trace.Project = retriever.Project AND trace.TraceId = retriever.TraceId AND trace.LastRetriever = retriever.SpanId
    LEFT ANY JOIN spaces AS encoder
        ON trace.Project = encoder.Project AND trace.TraceId = encoder.TraceId AND trace.EncoderSpanId = encoder.SpanId
)
WHERE notEmpty(OfGold) AND notEmpty(OfOthers);

INSERT INTO traces
(
    Project, TraceId, Version, LastSeq, LastArrivedAt, StartedAt, FirstSpanAt, LastSpanAt, DurationNs, Name, Service,
    Status, HasRoot, Incomplete, RootSpanId, SpanCount, Session, User, Query, Answer, QueryHash, InputHash,
    Encoder, Encoders, Reranker, LlmModel, PromptVersion, Route,
    TokensPrompt, TokensCompletion, TokensCacheRead, TokensCacheWrite, TokensReasoning, CostUsd, Metadata, Tags, SpanKinds, SpanNs,
    ErrorTypes, RetrievedIds, ContextIds, RerankScores, GoldIds, Margin, MarginAuroc, MarginSpace, DatasetRow, Retries, Fallback,
    CacheHit, CacheSimilarity, EmbeddedTexts, EmbeddingNs
)
WITH
    json -> CAST(arrayFilter(x -> x.2 != 'null', JSONExtractKeysAndValuesRaw(json)), 'Map(String, String)') AS members
SELECT
    Project, TraceId, {version:UInt64}, LastSeq, LastArrivedAt,
    if(HasRoot, RootAt, FirstSpanAt), FirstSpanAt, LastSpanAt, DurationNs, Name, Service,
    Status, HasRoot, NOT HasRoot, RootSpanId, SpanCount, Session, User, Query, Answer,
    if(Query = '', 0, cityHash64(lowerUTF8(trimBoth(replaceRegexpAll(Query, '\\s+', ' '))))),
    cityHash64(Query, Answer, Context.4, arrayMap(x -> if(x.6 != 0, x.6, (WithText.6)[indexOf(WithText.4, x.4)]), Context)),
    Encoder, Encoders, Reranker, LlmModel, PromptVersion, Route,
    TokensPrompt, TokensCompletion, TokensCacheRead, TokensCacheWrite, TokensReasoning, CostUsd,
    mapApply((k, v) -> (k, if(startsWith(v, '"'), JSONExtractString(v), v)),
        if(length(Metadatas) = 1, members(Metadatas[1]),
            arrayFold((union, json) -> mapUpdate(union, members(json)), arrayReverse(Metadatas), CAST(map(), 'Map(String, String)')))),
    Tags, SpanKinds, SpanNs, ErrorTypes,
    Retrieved.4,
    Context.4,
    arrayMap(x -> assumeNotNull(x), arrayFilter(x -> isNotNull(x), Reranked.5)),
    GoldIds, Margin, MarginAuroc, MarginSpace, DatasetRow, Retries, Fallback, CacheHit, CacheSimilarity, EmbeddedTexts, EmbeddingNs
FROM
(
    SELECT
        trace.* EXCEPT (Project, TraceId), trace.Project AS Project, trace.TraceId AS TraceId,
        query.Input AS Query,
        answer.Output AS Answer,
        document.WithText AS WithText,
        arraySort(x -> x.3, arrayFilter(x -> x.2 = 'retrieved' AND x.1 = LastRetriever, document.List)) AS Retrieved,
        arraySort(x -> x.3, arrayFilter(x -> x.2 = 'rerank_out' AND x.1 = LastReranker, document.List)) AS Reranked,
        if(notEmpty(Reranked), Reranked, Retrieved) AS Context,
        margin.Margin AS Margin, margin.MarginAuroc AS MarginAuroc, margin.MarginSpace AS MarginSpace
    FROM settling AS trace
    LEFT ANY JOIN texts AS query ON trace.Project = query.Project AND trace.TraceId = query.TraceId AND trace.QuerySpanId = query.SpanId
    LEFT ANY JOIN texts AS answer ON trace.Project = answer.Project AND trace.TraceId = answer.TraceId AND trace.AnswerSpanId = answer.SpanId
    LEFT ANY JOIN documents AS document ON trace.Project = document.Project AND trace.TraceId = document.TraceId
    LEFT ANY JOIN margins AS margin ON trace.Project = margin.Project AND trace.TraceId = margin.TraceId
);
