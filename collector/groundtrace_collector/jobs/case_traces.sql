-- What evaluators see of these traces, save the documents' texts, and the commits that hold their spans.
SELECT
    Project,
    TraceId,
    InputHash,
    RootSpanId,
    Query,
    Answer,
    RetrievedIds,
    GoldIds,
    CacheHit,
    DatasetRow,
    Metadata['expected_answer'] AS Expected,
    Seqs
FROM traces FINAL
WHERE TraceKey IN {trace_keys:Array(UInt128)}
    AND Project IN {projects:Array(String)} AND TraceId IN {trace_ids:Array(String)}
