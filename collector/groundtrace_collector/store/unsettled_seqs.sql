SELECT DISTINCT Seq FROM otel_traces WHERE Seq >= {from_seq:UInt64} ORDER BY Seq
