-- Recomputes the rows of the traces that some commits touched. Every rule about a whole trace is here.
-- The tables are temporary: a handle's first settling makes them, each later one fills them again. A trace is
-- known by its project and its id: a sender who takes another project's ids must not get at that project's texts.

-- Where earlier commits have spans of the traces that these commits touch: a trace's row tells the commits that
-- its spans came with. What the commits themselves hold is of touched traces, all of it.
CREATE TEMPORARY TABLE earlier ENGINE = Memory AS
SELECT DISTINCT arrayJoin(Seqs) AS Seq, TraceId, Project
FROM traces
WHERE TraceKey IN (
        SELECT reinterpretAsUInt128(MD5(TraceId)) FROM (SELECT DISTINCT TraceId FROM otel_traces WHERE Seq IN {seqs:Array(UInt64)}))
    AND Seq NOT IN {seqs:Array(UInt64)};

-- The traces' distinct spans: a span that a sender repeated is stored twice and counts once. From here on a trace
-- and a span are known by a number, made of the project, too: it costs less to find than texts.
CREATE TEMPORARY TABLE spans ENGINE = Memory AS
SELECT
    reinterpretAsUInt128(sipHash128(Project, TraceId)) AS TraceNo,
    reinterpretAsUInt128(sipHash128(Project, TraceId, SpanId)) AS SpanNo,
    if(ParentSpanId = '', 0, reinterpretAsUInt128(sipHash128(Project, TraceId, ParentSpanId))) AS ParentNo,
    Project, TraceId, SpanId, Timestamp, Duration, SpanName, ServiceName, ScopeName, StatusCode, Seq, ArrivedAt,
    Kind, Model, Texts, Session, User, MetadataJson, Tags, PromptVersion, Route,
    TokensPrompt, TokensCompletion, TokensCacheRead, TokensCacheWrite, TokensReasoning, CostUsd,
    Shadow, Indexing, Fallback, RetryAttempt, CacheHit, CacheSimilarity, EmbeddedTexts, ErrorType, DatasetRow, GoldIds
FROM otel_traces
WHERE Seq IN {seqs:Array(UInt64)} OR (Seq, TraceId, Project) IN (SELECT Seq, TraceId, Project FROM earlier)
ORDER BY Seq
LIMIT 1 BY SpanNo;

-- Tokens and cost count once a call. A framework's view of a client's call does not count: an LLM span above
-- another one that has tokens (its parent, or one step further up); and where two instrumentations describe
-- the same calls side by side (as many, with the same tokens), the one whose spans begin first, which is outside.
-- So it is with embeddings, whose tokens have a price, too.
CREATE TEMPORARY TABLE covered ENGINE = Memory AS
WITH calls AS
(
    SELECT TraceNo, SpanNo, ParentNo, Kind, ScopeName, Timestamp, TokensPrompt, TokensCompletion
    FROM spans
    WHERE Kind IN ('LLM', 'EMBEDDING') AND (TokensPrompt IS NOT NULL OR TokensCompletion IS NOT NULL OR CostUsd IS NOT NULL)
)
SELECT call.Kind AS Kind, arrayJoin([call.ParentNo, parent.ParentNo]) AS SpanNo
FROM calls AS call
LEFT ANY JOIN (SELECT SpanNo, ParentNo FROM spans) AS parent ON call.ParentNo = parent.SpanNo
UNION ALL
SELECT Kind, arrayJoin(arrayFlatten(arrayMap(scope -> scope.2,
    arrayFilter((scope, i) -> i < length(scopes) AND length(scope.2) = length(scopes[-1].2), scopes, arrayEnumerate(scopes))))) AS SpanNo
FROM
(
    SELECT TraceNo, Kind, arraySort(scope -> scope.1, groupArray((Began, SpanNos))) AS scopes
    FROM
    (
        SELECT TraceNo, Kind, TokensPrompt, TokensCompletion, ScopeName, min(Timestamp) AS Began, groupArray(SpanNo) AS SpanNos
        FROM calls
        WHERE TraceNo IN (SELECT TraceNo FROM calls GROUP BY TraceNo HAVING uniqExact(ScopeName) > 1)
        GROUP BY TraceNo, Kind, TokensPrompt, TokensCompletion, ScopeName
    )
    GROUP BY TraceNo, Kind, TokensPrompt, TokensCompletion
    HAVING length(scopes) > 1
);

-- A trace in the making: all but the texts. Its root is the span without parent, else the earliest whose parent is
-- not stored, else (a circle) the earliest. The root's word stands, else the earliest span's that says anything.
CREATE TEMPORARY TABLE settling ENGINE = Memory AS
SELECT
    trace.*,
    root.Project AS Project, root.TraceId AS TraceId, root.SpanId AS RootSpanId, root.Timestamp AS RootAt,
    if(HasRoot, root.Duration, toUInt64(LastNs - toUnixTimestamp64Nano(FirstSpanAt))) AS DurationNs,
    root.SpanName AS Name,
    root.ServiceName AS Service,
    transform(root.StatusCode, ['Ok', 'Error'], ['ok', 'error'], 'unset') AS Status,
    firstNonDefault(root.Session, FirstSession) AS Session,
    firstNonDefault(root.User, FirstUser) AS User,
    firstNonDefault(root.PromptVersion, FirstPromptVersion) AS PromptVersion,
    firstNonDefault(root.Route, FirstRoute) AS Route,
    firstNonDefault(root.DatasetRow, FirstDatasetRow) AS DatasetRow,
    if(empty(root.GoldIds), FirstGoldIds, root.GoldIds) AS GoldIds,
    arrayDistinct(arrayConcat([root.MetadataJson], SpanMetadatas)) AS Metadatas,
    if(bitTest(root.Texts, 0), RootNo, FirstQueryNo) AS QueryNo,
    if(bitTest(root.Texts, 1), RootNo, LastAnswerNo) AS AnswerNo
FROM
(
    SELECT
        TraceNo,
        argMin(SpanNo, bitShiftLeft(multiIf(ParentNo = 0, 0, is_orphan, 1, 2)::UInt64, 62) + toUnixTimestamp64Nano(Timestamp)::UInt64) AS RootNo,
        max(Seq) AS LastSeq,
        max(ArrivedAt) AS LastArrivedAt,
        groupUniqArray(Seq) AS Seqs,
        min(Timestamp) AS FirstSpanAt,
        max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) AS LastNs,
        countIf(ParentNo = 0) > 0 AS HasRoot,
        toUInt32(count()) AS SpanCount,
        argMinIf(Session, Timestamp, Session != '') AS FirstSession,
        argMinIf(User, Timestamp, User != '') AS FirstUser,
        argMinIf(PromptVersion, Timestamp, PromptVersion != '') AS FirstPromptVersion,
        argMinIf(Route, Timestamp, Route != '') AS FirstRoute,
        argMinIf(DatasetRow, Timestamp, DatasetRow != '') AS FirstDatasetRow,
        argMinIf(GoldIds, Timestamp, notEmpty(GoldIds)) AS FirstGoldIds,
        arraySort(x -> x.1, groupUniqArrayIf(1000)((Timestamp, MetadataJson), MetadataJson != '')).2 AS SpanMetadatas,
        arrayDistinct(arrayFlatten(arraySort(x -> x.1, groupArrayIf(1000)((Timestamp, Tags), notEmpty(Tags))).2)) AS Tags,
        -- Where the retriever asks the encoder itself, the embedding starts after the retriever but ends before it.
        -- Without a retriever the last embedding is the one.
        minIf(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), is_retriever) AS FirstRetrievedNs,
        countIf(is_retriever) > 0 AS HasRetriever,
        arraySort(x -> x.1, groupArrayIf((toUnixTimestamp64Nano(Timestamp), Model, SpanNo), is_encoding AND NOT Shadow AND CacheHit IS NULL)) AS Embeddings,
        arrayLast(x -> NOT HasRetriever OR x.1 <= FirstRetrievedNs, Embeddings) AS Embedding,
        Embedding.2 AS Encoder,
        arrayDistinct(arraySort(x -> x.1, groupArrayIf((Timestamp, Model), is_encoding)).2) AS Encoders,
        argMaxIf(Model, Timestamp, Kind = 'RERANKER' AND NOT Shadow AND Model != '') AS Reranker,
        -- A number costs less to compare than a pair: calls before the rest, then by time.
        argMaxIf(Model, bitShiftLeft(is_call::UInt64, 63) + toUnixTimestamp64Nano(Timestamp)::UInt64, Kind = 'LLM' AND Model != '') AS LlmModel,
        sumOrNullIf(TokensPrompt, is_call) AS TokensPrompt,
        sumOrNullIf(TokensCompletion, is_call) AS TokensCompletion,
        sumOrNullIf(TokensCacheRead, is_call) AS TokensCacheRead,
        sumOrNullIf(TokensCacheWrite, is_call) AS TokensCacheWrite,
        sumOrNullIf(TokensReasoning, is_call) AS TokensReasoning,
        -- A sum without one of the calls would be too low, and nobody would see it.
        if(countIf(is_call AND Cost IS NULL AND (span.TokensPrompt IS NOT NULL OR span.TokensCompletion IS NOT NULL)) > 0,
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
        argMinIf(SpanNo, Timestamp, is_retriever AND bitTest(Texts, 0)) AS FirstQueryNo,
        argMaxIf(SpanNo, Timestamp, Kind = 'LLM' AND bitTest(Texts, 1)) AS LastAnswerNo,
        -- When each ended and began, and its ids; the last to begin.
        groupArrayIf((toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), toUnixTimestamp64Nano(Timestamp), SpanId, SpanNo), is_retriever) AS Retrievers,
        arraySort(x -> x.2, Retrievers)[-1] AS LastRetriever,
        argMaxIf((toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), toUnixTimestamp64Nano(Timestamp), SpanId), Timestamp, Kind = 'RERANKER' AND NOT Shadow) AS LastReranker
    FROM
    (
        SELECT
            *,
            ParentNo NOT IN (SELECT SpanNo FROM spans) AS is_orphan,
            Kind = 'RETRIEVER' AND NOT Shadow AS is_retriever,
            Kind = 'EMBEDDING' AND Model != '' AND NOT Indexing AS is_encoding,
            Kind IN ('LLM', 'EMBEDDING', 'RERANKER') AND (Kind, SpanNo) NOT IN (SELECT Kind, SpanNo FROM covered) AS is_charged,
            Kind = 'LLM' AND is_charged AS is_call,
            -- What a span says itself stands, if it is a number. Else its tokens have the price of its model, its day and its length, as
            -- prices/table.py has it for one span; cached tokens are the prompt's, reasoning is the answer's.
            arrayLastIndex((model, since_ns, over_tokens) -> model = Model
                    AND since_ns <= toUnixTimestamp64Nano(Timestamp) AND over_tokens < toInt64(TokensPrompt),
                {price_model:Array(String)}, {price_since_ns:Array(Int64)}, {price_over_tokens:Array(Int64)}) AS price,
            ifNull(TokensCacheRead, 0) + ifNull(TokensCacheWrite, 0) AS cached,
            coalesce(if(isFinite(CostUsd), CostUsd, NULL), if(price = 0, NULL, (
                (TokensPrompt - if(TokensPrompt >= cached, cached, 0)) * {price_input:Array(Float64)}[price]
                + ifNull(TokensCacheRead, 0) * {price_cache_read:Array(Float64)}[price]
                + ifNull(TokensCacheWrite, 0) * {price_cache_write:Array(Float64)}[price]
                + if(Kind != 'LLM' OR TokensCompletion = 0, 0, TokensCompletion * {price_output:Array(Nullable(Float64))}[price])
                ) / 1000000)) AS Cost
        FROM spans
    ) AS span
    GROUP BY TraceNo
) AS trace
LEFT ANY JOIN
(
    SELECT
        SpanNo, Project, TraceId, SpanId, Timestamp, Duration, SpanName, ServiceName, StatusCode,
        Session, User, PromptVersion, Route, DatasetRow, GoldIds, MetadataJson, Texts
    FROM spans
) AS root ON trace.RootNo = root.SpanNo;

-- The texts of the few spans that give a trace its question and its answer, out of the wrapping that
-- frameworks put around them.
CREATE TEMPORARY TABLE texts ENGINE = Memory AS
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
    SpanNo,
    unwrapped(InputText, ['question', 'query', 'input', 'inputs', 'user_input', 'prompt', 'text']) AS Input,
    unwrapped(OutputText, ['answer', 'output', 'outputs', 'result', 'response', 'text', 'content']) AS Output
FROM
(
    SELECT
        reinterpretAsUInt128(sipHash128(Project, TraceId, SpanId)) AS SpanNo,
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
    WHERE (Seq IN {seqs:Array(UInt64)} OR (Seq, TraceId, Project) IN (SELECT Seq, TraceId, Project FROM earlier))
        AND SpanNo IN (SELECT arrayJoin([QueryNo, AnswerNo]) FROM settling)
    LIMIT 1 BY SpanNo
);

-- The documents of each trace, best first, and the retriever that counts (end, begin, ids). Hybrid search and
-- search by several queries merge what other retrievers find: of those the last gave the generator a part, the
-- one around it the whole. So it is the last to begin or, of those around it, the outermost that names documents,
-- unless the reranker is a part of it, too; query/retrieval.py has the same rule. A reranker's output seldom
-- carries text: what it is worth to an evaluator is known by id from any stage that has it. A thousand
-- documents of a trace are looked at, no more.
CREATE TEMPORARY TABLE documents ENGINE = Memory AS
WITH (outer, inner) -> outer.2 <= inner.2 AND outer.1 >= inner.1 AND (outer.1, outer.2) != (inner.1, inner.2) AS is_around
SELECT
    found.*,
    arraySort(x -> (x.1, -x.2), arrayFilter(
        x -> is_around(x, LastRetriever) AND NOT is_around(x, LastReranker) AND has(Finders, x.3), Retrievers)) AS Around,
    if(empty(Around), LastRetriever, Around[-1]) AS Retriever
FROM
(
    SELECT
        TraceNo,
        groupArray(1000)((SpanId, Stage, Rank, DocumentId, Score, ContentHash)) AS List,
        arrayFilter(x -> x.6 != 0, List) AS WithText,
        groupArrayIf(1000)((DocumentId, DatedAt), toInt64(DatedAt) != 0) AS Dated,
        groupUniqArrayIf(1000)(SpanId, Stage = 'retrieved') AS Finders
    FROM
    (
        SELECT
            reinterpretAsUInt128(sipHash128(Project, TraceId)) AS TraceNo,
            SpanId, Stage, Rank, DocumentId, Score, ContentHash, DatedAt
        FROM retrieved_documents
        WHERE Seq IN {seqs:Array(UInt64)} OR (Seq, TraceId, Project) IN (SELECT Seq, TraceId, Project FROM earlier)
        LIMIT 1 BY TraceNo, SpanId, Stage, Rank
    )
    GROUP BY TraceNo
) AS found
LEFT ANY JOIN (SELECT TraceNo, Retrievers, LastRetriever, LastReranker FROM settling) AS trace ON found.TraceNo = trace.TraceNo;

-- Of traces whose gold documents are known, how the retriever's scores tell them from the best of the others, and
-- the space that the scores lie in. Where the retriever does not say what a high score is, the order tells:
-- distances rise from the best on. A gold document counts at its first place.
CREATE TEMPORARY TABLE margins
(
    TraceNo UInt128, Margin Nullable(Float64), MarginAuroc Nullable(Float64), MarginSpace String
)
ENGINE = Memory;

INSERT INTO margins
WITH
    spaces AS
    (
        SELECT
            reinterpretAsUInt128(sipHash128(Project, TraceId, SpanId)) AS SpanNo,
            SpanAttributes['retrieval.score_sense'] AS Sense, SpanAttributes['embedding.fingerprint'] AS Fingerprint
        FROM otel_traces
        WHERE (Seq IN {seqs:Array(UInt64)} OR (Seq, TraceId, Project) IN (SELECT Seq, TraceId, Project FROM earlier))
            AND SpanNo IN (
                SELECT Embedding.3 FROM settling WHERE notEmpty(GoldIds)
                UNION ALL
                SELECT Retriever.4 FROM documents WHERE TraceNo IN (SELECT TraceNo FROM settling WHERE notEmpty(GoldIds)))
        LIMIT 1 BY SpanNo
    )
SELECT
    TraceNo,
    arrayAvg(OfGold) - Best AS Margin,
    arrayAvg(arrayMap(score -> if(score = Best, 0.5, score > Best), OfGold)) AS MarginAuroc,
    concat(firstNonDefault(Fingerprint, Encoder), if(IsDistance, ' (distance)', '')) AS MarginSpace
FROM
(
    SELECT
        trace.TraceNo AS TraceNo, trace.Encoder AS Encoder, encoder.Fingerprint AS Fingerprint,
        arraySort(x -> x.3, arrayFilter(x -> x.1 = document.Retriever.3 AND x.2 = 'retrieved' AND ifNull(isFinite(x.5), false), document.List)) AS Listed,
        arrayMap(x -> assumeNotNull(x.5), Listed) AS Scores,
        if(retriever.Sense != '', retriever.Sense = 'distance',
            arraySum(step -> toInt64(step > 0) - toInt64(step < 0), arrayDifference(Scores)) > 0) AS IsDistance,
        arrayMap(score -> if(IsDistance, -score, score), Scores) AS Nearness,
        arrayFilter((score, id, place) -> has(GoldIds, id) AND indexOf(Listed.4, id) = place, Nearness, Listed.4, arrayEnumerate(Listed)) AS OfGold,
        arrayFilter((score, id) -> NOT has(GoldIds, id), Nearness, Listed.4) AS OfOthers,
        arrayMax(OfOthers) AS Best
    FROM (SELECT TraceNo, GoldIds, Encoder, Embedding.3 AS EncoderNo FROM settling WHERE notEmpty(GoldIds)) AS trace
    LEFT ANY JOIN (SELECT * FROM documents WHERE TraceNo IN (SELECT TraceNo FROM settling WHERE notEmpty(GoldIds))) AS document
        ON trace.TraceNo = document.TraceNo
    LEFT ANY JOIN spaces AS retriever ON document.Retriever.4 = retriever.SpanNo
    LEFT ANY JOIN spaces AS encoder ON trace.EncoderNo = encoder.SpanNo
)
WHERE notEmpty(OfGold) AND notEmpty(OfOthers);

INSERT INTO traces
(
    Project, TraceId, Version, Seqs, LastSeq, LastArrivedAt, StartedAt, DurationNs, Name, Service,
    Status, HasRoot, Incomplete, RootSpanId, SpanCount, Session, User, Query, Answer, QueryHash, InputHash,
    Encoder, Encoders, Reranker, LlmModel, PromptVersion, Route,
    TokensPrompt, TokensCompletion, TokensCacheRead, TokensCacheWrite, TokensReasoning, CostUsd, Metadata, Tags, SpanKinds, SpanNs,
    ErrorTypes, RetrievedIds, ContextIds, RerankScores, GoldIds, Margin, MarginAuroc, MarginSpace, DocumentAt, DatasetRow, Retries, Fallback,
    CacheHit, CacheSimilarity, EmbeddedTexts, EmbeddingNs
)
WITH
    json -> CAST(arrayFilter(x -> x.2 != 'null', JSONExtractKeysAndValuesRaw(json)), 'Map(String, String)') AS members
SELECT
    Project, TraceId, {version:UInt64}, Seqs, LastSeq, LastArrivedAt,
    if(HasRoot, RootAt, FirstSpanAt), DurationNs, Name, Service,
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
    GoldIds, Margin, MarginAuroc, MarginSpace,
    arraySort(x -> x.1, arrayFilter(x -> x.1 != 0, arrayMap(x -> (indexOf(Context.4, x.1), x.2), Dated)))[1].2,
    DatasetRow, Retries, Fallback, CacheHit, CacheSimilarity, EmbeddedTexts, EmbeddingNs
FROM
(
    SELECT
        trace.*,
        query.Input AS Query,
        answer.Output AS Answer,
        document.WithText AS WithText,
        document.Dated AS Dated,
        arraySort(x -> x.3, arrayFilter(x -> x.2 = 'retrieved' AND x.1 = document.Retriever.3, document.List)) AS Retrieved,
        arraySort(x -> x.3, arrayFilter(x -> x.2 = 'rerank_out' AND x.1 = LastReranker.3, document.List)) AS Reranked,
        if(notEmpty(Reranked), Reranked, Retrieved) AS Context,
        margin.Margin AS Margin, margin.MarginAuroc AS MarginAuroc, margin.MarginSpace AS MarginSpace
    FROM settling AS trace
    LEFT ANY JOIN texts AS query ON trace.QueryNo = query.SpanNo
    LEFT ANY JOIN texts AS answer ON trace.AnswerNo = answer.SpanNo
    LEFT ANY JOIN documents AS document ON trace.TraceNo = document.TraceNo
    LEFT ANY JOIN margins AS margin ON trace.TraceNo = margin.TraceNo
);
