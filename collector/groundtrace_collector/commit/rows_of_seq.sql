-- How many rows of a commit can be read: they are, not only counted by the index.
SELECT countIf(NOT ignore(*)) AS Rows FROM otel_traces WHERE Seq = {seq:UInt64}
