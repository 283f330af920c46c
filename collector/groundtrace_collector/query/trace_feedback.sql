SELECT Project, Name, TraceId, Value, Label, Comment, CreatedAt, Seq
FROM feedback
PREWHERE TraceId = {trace_id:String} AND Project IN ('', {project:String})
