SELECT Project, Name, TraceId, Value, Label, Comment, CreatedAt, Seq
FROM feedback FINAL
WHERE CONDITION
ORDER BY Seq DESC
LIMIT {rows:UInt32}
