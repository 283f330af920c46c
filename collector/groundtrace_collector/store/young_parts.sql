-- Parts that an insert wrote and no merge has touched: what a disk that was full has left broken is among them.
SELECT table AS Table, name AS Part
FROM system.parts
WHERE database = currentDatabase() AND active AND level = 0
    AND table IN ('otel_traces', 'retrieved_documents', 'traces')
ORDER BY modification_time
