SELECT SpanId, Stage, Rank, DocumentId, Score
FROM retrieved_documents
PREWHERE TraceId = {trace_id:String}
    AND Project = {project:String}
    AND Timestamp >= fromUnixTimestamp64Nano({first_ns:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({last_ns:Int64})
