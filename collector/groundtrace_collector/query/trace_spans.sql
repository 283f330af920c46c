SELECT
    SpanId, ParentSpanId, SpanName, Kind, ServiceName, toUnixTimestamp64Nano(Timestamp) AS StartedNs, Duration, StatusCode,
    StatusMessage, Model, TokensPrompt, TokensCompletion, TokensCacheRead, TokensCacheWrite, TokensReasoning, CostUsd, SpanAttributes, CAST(Events.Timestamp, 'Array(Decimal(20, 9))') AS EventS,
    Events.Name AS EventNames, Events.Attributes AS EventAttributes
FROM otel_traces
PREWHERE Seq IN {seqs:Array(UInt64)}
    AND TraceId = {trace_id:String}
    AND Project = {project:String}
