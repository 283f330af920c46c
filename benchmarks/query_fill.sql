-- Traces {first} to {first} + {count} of a store for benchmarks: five spans of some 1.6 kB each, {every_ns} apart from
-- {start_ns} on, one commit. Questions come in pairs, one for each encoder; documents recur in prompt after prompt.
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, SpanAttributes, Duration, StatusCode, Project, Seq, ArrivedAt)
WITH
    (
        SELECT arrayStringConcat(groupArray(concat(
            ['ba', 'ce', 'di', 'fo', 'gu', 'ha', 'je', 'ki', 'lo', 'mu', 'na', 'pe'][word % 12 + 1],
            ['tra', 'bre', 'qui', 'n', 'so', 'ril', 've', 'xo', 'ta', 'wi', 'sed'][intDiv(word, 12) % 11 + 1],
            if(word % 3 = 0, '', ['na', 'der', 'us', 'mi', 'col', 'pan', 'ou'][intDiv(word, 132) % 7 + 1]))), ' ')
        FROM (SELECT toUInt64(3000 * pow(cityHash64(number) / 18446744073709551616., 3)) AS word FROM numbers(40000))
    ) AS words,
    passage -> substring(words, 1 + passage * 7919 % 170000, 400) AS passage_text,
    concat('question ', toString(intDiv(n, 2) % 50000), ': ', substring(words, 1 + intDiv(n, 2) % 50000 * 3, 80)) AS question,
    concat('answer ', toString(n), ': ', substring(words, 1 + cityHash64(n) % 170000, 500)) AS answer,
    arrayMap(place -> (n * 31 + place * 577) % 3000, range(5)) AS found
SELECT
    fromUnixTimestamp64Nano({start_ns:Int64} + n * {every_ns:Int64} + step * 1000000) AS Timestamp,
    lower(hex(MD5(toString(n)))) AS TraceId,
    lower(hex(sipHash64(n, step))) AS SpanId,
    if(step = 0, '', lower(hex(sipHash64(n, 0)))) AS ParentSpanId,
    ['ask', 'embed', 'retrieve', 'rerank', 'chat'][step + 1] AS SpanName,
    'Internal', 'bench', map('service.name', 'bench', 'telemetry.sdk.language', 'python'),
    mapConcat(
        map('openinference.span.kind', ['CHAIN', 'EMBEDDING', 'RETRIEVER', 'RERANKER', 'LLM'][step + 1]),
        multiIf(
            step = 0, map(
                'input.value', question, 'output.value', answer,
                'session.id', concat('session-', toString(intDiv(n, 4))), 'user.id', concat('user-', toString(n % 5000)),
                'metadata', concat('{"doc_family": "family-', toString(intDiv(n, 2) % 8), '", "question_kind": "kind-', toString(n % 3), '", "tenant": "tenant-', toString(n % 400), '"}'),
                'llm.prompt_template.version', 'v7'),
            step = 1, map(
                'embedding.model_name', ['hash', 'lsa'][n % 2 + 1], 'embedding.model_version', ['1', '2'][n % 2 + 1],
                'embedding.embeddings.0.embedding.text', question),
            step = 4, map(
                'llm.model_name', 'extractive',
                'llm.token_count.prompt', toString(200 + cityHash64(n, 't') % 900),
                'llm.token_count.completion', toString(20 + cityHash64(n, 'c') % 90),
                'llm.cost.total', toString(0.0001 * (cityHash64(n, 'c') % 90)),
                'llm.input_messages.0.message.content', arrayStringConcat(arrayMap(d -> passage_text(d), arraySlice(found, 1, 3)), '\n'),
                'llm.input_messages.1.message.content', concat(question, substring(words, 1 + cityHash64(n, 'p') % 170000, 300)),
                'llm.output_messages.0.message.content', answer),
            map('input.value', question)),
        mapFromArrays(
            arrayFlatten(arrayMap(place -> arrayMap(field -> concat(['retrieval.documents.', 'reranker.output_documents.'][step - 1], toString(place), '.document.', field),
                if(step = 2, ['id', 'score', 'content'], ['id', 'score'])), range(multiIf(step = 2, 5, step = 3, 3, 0)))),
            arrayFlatten(arrayMap(place -> arrayConcat(
                [concat('doc-', toString(found[place + 1])), toString(0.9 - place * 0.1 - cityHash64(n, place) % 100 / 1000)],
                if(step = 2, [passage_text(found[place + 1])], [])), range(multiIf(step = 2, 5, step = 3, 3, 0)))))) AS SpanAttributes,
    toUInt64(1000000 * (50 + cityHash64(n, step) % 500)),
    if(cityHash64(n, 'e') % 50 = 0, 'Error', 'Ok'),
    'bench', {seq:UInt64}, now64(3)
FROM (SELECT number + {first:UInt64} AS n, arrayJoin(range(5)) AS step FROM numbers({count:UInt64}));

INSERT INTO scores (Project, Name, TraceId, Source, Evaluator, EvaluatorVersion, Score, Label, Status, Threshold, CreatedAt, Seq)
SELECT
    'bench', name, lower(hex(MD5(toString(n)))), 'evaluator', name, '1',
    (cityHash64(n, name) % 1000) / 1000 AS Score, if(Score < 0.3, 'fail', 'pass'), 'ok', 0.3,
    fromUnixTimestamp64Nano({start_ns:Int64} + n * {every_ns:Int64}) + 30, {seq:UInt64} + n % 1000
FROM (SELECT number + {first:UInt64} AS n, arrayJoin(['groundedness', 'context_relevance']) AS name FROM numbers({count:UInt64}));

INSERT INTO ledger (Evaluator, EvaluatorVersion, TraceId, Project, Job, Status, CreatedAt, Seq)
SELECT
    name, '1', lower(hex(MD5(toString(n)))), 'bench', 'quality', 'ok',
    fromUnixTimestamp64Nano({start_ns:Int64} + n * {every_ns:Int64}) + 30, {seq:UInt64} + n % 1000
FROM (SELECT number + {first:UInt64} AS n, arrayJoin(['groundedness', 'context_relevance']) AS name FROM numbers({count:UInt64}));

INSERT INTO feedback (Project, Name, TraceId, Value, CreatedAt, Seq)
SELECT
    'bench', 'thumbs', lower(hex(MD5(toString(n)))), if(cityHash64(n, 'f') % 3 = 0, -1, 1),
    fromUnixTimestamp64Nano({start_ns:Int64} + n * {every_ns:Int64}) + 60, {seq:UInt64} + n % 1000
FROM (SELECT number + {first:UInt64} AS n FROM numbers({count:UInt64}))
WHERE n % 20 = 0;
