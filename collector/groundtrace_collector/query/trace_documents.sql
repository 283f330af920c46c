SELECT SpanId, Stage, Rank, DocumentId, Score
FROM retrieved_documents
PREWHERE Seq IN {seqs:Array(UInt64)}
    AND TraceId = {trace_id:String}
    AND Project = {project:String}
