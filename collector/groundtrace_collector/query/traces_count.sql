SELECT count() AS Traces, sum(SpanCount) AS Spans
FROM traces FINAL
WHERE CONDITION
