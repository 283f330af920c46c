INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, SpanAttributes, Duration, StatusCode, Project, Seq, ArrivedAt)
SELECT
    fromUnixTimestamp64Nano(toInt64(toUnixTimestamp(toStartOfDay(now('UTC'))) - 86400) * 1000000000 + n * 400000000 + s * 1000000) AS Timestamp,
    lower(hex(MD5(toString(n)))) AS TraceId,
    lower(hex(sipHash64(n, s))) AS SpanId,
    if(s = 0, '', lower(hex(sipHash64(n, 0)))) AS ParentSpanId,
    ['ask', 'embed', 'retrieve', 'rerank', 'chat'][s + 1] AS SpanName,
    'Internal', 'bench',
    mapConcat(
        map('openinference.span.kind', ['CHAIN', 'EMBEDDING', 'RETRIEVER', 'RERANKER', 'LLM'][s + 1],
            'input.value', concat('question number ', toString(n % 50000), ' about family ', toString(n % 8)),
            'output.value', concat('answer ', randomPrintableASCII(300, n * 5 + s))),
        mapFromArrays(
            arrayMap(i -> concat(if(s = 2, 'retrieval.documents.', 'reranker.output_documents.'), toString(intDiv(i, 2)), if(i % 2 = 0, '.document.id', '.document.content')), range(if(s IN (2, 3), 10, 0))),
            arrayMap(i -> if(i % 2 = 0, concat('doc-', toString((n * 31 + i) % 20000)), concat('passage ', hex(cityHash64(n, i)), hex(cityHash64(i, n)), hex(cityHash64(n, i, 3)), hex(cityHash64(i, n, 4)))), range(if(s IN (2, 3), 10, 0))))) AS SpanAttributes,
    toUInt64(1000000 * (50 + cityHash64(n, s) % 500)) AS Duration,
    if(cityHash64(n, 'e') % 50 = 0, 'Error', 'Ok'),
    'bench', toUInt64(toUnixTimestamp64Micro(now64(6))), now64(3)
FROM (SELECT number + {first:UInt64} AS n, arrayJoin(range(5)) AS s FROM numbers({count:UInt64}));
INSERT INTO traces (Project, TraceId, Version, LastSeq, LastArrivedAt, StartedAt, FirstSpanAt, LastSpanAt, DurationNs, Name, Service, Status, HasRoot, RootSpanId, SpanCount, Session, User, Query, Answer, QueryHash, Encoder, Encoders, LlmModel, PromptVersion, TokensPrompt, TokensCompletion, CostUsd, Metadata, SpanKinds, SpanNs, RetrievedIds, ContextIds, RerankScores, GoldIds)
SELECT
    'bench', lower(hex(MD5(toString(n)))), 1, toUInt64(toUnixTimestamp64Micro(now64(6))), now64(3),
    fromUnixTimestamp64Nano(toInt64(toUnixTimestamp(toStartOfDay(now('UTC'))) - 86400) * 1000000000 + n * 400000000) AS StartedAt,
    StartedAt, StartedAt,
    toUInt64(1000000 * (200 + cityHash64(n) % 2000)), 'ask', 'bench', if(cityHash64(n, 'e') % 50 = 0, 'error', 'ok'), true,
    lower(hex(sipHash64(n, 0))), 5, concat('session-', toString(intDiv(n, 4))), concat('user-', toString(n % 5000)),
    concat('question number ', toString(intDiv(n, 2) % 50000), ' about family ', toString(intDiv(n, 2) % 8)) AS Query,
    concat('answer ', randomPrintableASCII(300, n)),
    cityHash64(Query), ['hash@1', 'lsa@2'][n % 2 + 1] AS Encoder, [Encoder], 'extractive', 'v7',
    200 + cityHash64(n, 't') % 900, 20 + cityHash64(n, 'c') % 90, 0.0001 * (cityHash64(n, 'c') % 90),
    map('doc_family', concat('family-', toString(intDiv(n, 2) % 8)), 'question_kind', concat('kind-', toString(n % 3)), 'tenant', concat('tenant-', toString(n % 400))),
    ['CHAIN', 'EMBEDDING', 'RETRIEVER', 'RERANKER', 'LLM'], arrayMap(i -> toUInt64(1000000 * (10 + cityHash64(n, i) % 300)), range(5)),
    arrayMap(i -> concat('doc-', toString((n * 31 + i) % 20000)), range(5)), arrayMap(i -> concat('doc-', toString((n * 31 + i) % 20000)), range(3)), [0.9, 0.5, 0.1],
    [concat('doc-', toString((n * 31 + n % 7) % 20000))]
FROM (SELECT number + {first:UInt64} AS n FROM numbers({count:UInt64}));
INSERT INTO scores (Project, Name, TraceId, Source, Evaluator, EvaluatorVersion, Score, Label, Status, Threshold, Seq)
SELECT
    'bench', name, lower(hex(MD5(toString(n)))), 'evaluator', name, '1',
    (cityHash64(n, name) % 1000) / 1000 AS Score, if(Score < 0.3, 'fail', 'pass'), 'ok', 0.3, toUInt64(toUnixTimestamp64Micro(now64(6))) + n
FROM (SELECT number + {first:UInt64} AS n, arrayJoin(['groundedness', 'context_relevance']) AS name FROM numbers({count:UInt64}));
