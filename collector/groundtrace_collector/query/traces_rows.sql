-- Every version of each trace named: FINAL would read every part to its end for a few rows.
SELECT
    Project, TraceId, Version, toUnixTimestamp64Nano(StartedAt) AS StartedNs, DurationNs, Name, Service, Status, Incomplete,
    SpanCount, Session, User, Query, Answer, Encoder, Encoders, Reranker, LlmModel, PromptVersion, Route,
    TokensPrompt, TokensCompletion, TokensCacheRead, TokensCacheWrite, TokensReasoning, CostUsd, Metadata, Tags, DatasetRow, GoldIds, ErrorTypes,
    Seqs
FROM traces
PREWHERE TraceKey IN {trace_keys:Array(UInt128)}
    AND TraceId IN {trace_ids:Array(String)} AND ({project:String} = '' OR Project = {project:String})
