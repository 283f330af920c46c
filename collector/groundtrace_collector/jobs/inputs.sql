-- The inputs that these traces have now.
SELECT Project, TraceId, InputHash
FROM traces FINAL
WHERE TraceKey IN {trace_keys:Array(UInt128)} AND TraceId IN {trace_ids:Array(String)}
