-- How many rows of a commit can be read, of spans and of their documents: they are, not only counted by the
-- index. The last says how many documents the view makes of the spans; the condition reaches them through it.
SELECT
    (SELECT countIf(NOT ignore(*)) FROM otel_traces WHERE Seq = {seq:UInt64}) AS Spans,
    (SELECT countIf(NOT ignore(*)) FROM retrieved_documents WHERE Seq = {seq:UInt64}) AS Documents,
    (SELECT count() FROM (VIEW) WHERE Seq = {seq:UInt64}) AS DocumentsOfSpans
