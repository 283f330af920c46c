-- As FINAL, for the traces named.
SELECT Project, TraceId, Name, Value, Label, Comment, CreatedAt
FROM feedback
WHERE TraceId = {trace_id:String} AND Project IN ('', {project:String})
ORDER BY Seq DESC
LIMIT 1 BY Project, Name
