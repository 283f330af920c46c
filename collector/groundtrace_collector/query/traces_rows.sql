-- The newest version of each trace named. As FINAL, which would read every part to its end for a few rows.
SELECT
    Project, TraceId, Version, toUnixTimestamp64Nano(StartedAt) AS StartedNs, DurationNs, Name, Service, Status, Incomplete, HasRoot,
    SpanCount, Session, User, Query, Answer, Encoder, Encoders, Reranker, LlmModel, PromptVersion, Route,
    TokensPrompt, TokensCompletion, TokensCacheRead, TokensCacheWrite, TokensReasoning, CostUsd, Metadata, Tags, DatasetRow, GoldIds, ErrorTypes,
    toUnixTimestamp64Nano(FirstSpanAt) AS FirstNs, toUnixTimestamp64Nano(LastSpanAt) AS LastNs
FROM traces
WHERE TraceKey IN {trace_keys:Array(UInt128)}
    AND TraceId IN {trace_ids:Array(String)} AND ({project:String} = '' OR Project = {project:String})
ORDER BY Version DESC
LIMIT 1 BY Project, TraceId
