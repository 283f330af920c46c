SELECT count() AS Rows FROM otel_traces WHERE Seq = {seq:UInt64}
