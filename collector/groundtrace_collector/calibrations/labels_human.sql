SELECT Project, TraceId, Score AS Value, toString(Label) AS Label, Seq
FROM scores FINAL
WHERE Name = {label_name:String} AND Source = 'human' AND SpanId = '' AND Status = 'ok'
