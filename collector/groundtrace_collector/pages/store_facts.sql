-- The engine, the newest migration, and how many spans there are (from the parts' metadata, so at no cost).
SELECT
    version() AS Engine,
    (SELECT max(Name) FROM migrations) AS Schema,
    (SELECT count() FROM otel_traces) AS Spans
