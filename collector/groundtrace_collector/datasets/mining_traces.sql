-- Beside what lists show of these traces: gold ids, the last thumb, and the commits that hold their spans.
SELECT
    Project, TraceId, GoldIds,
    -- A thumb that came before its trace has no project yet.
    arrayReverseSort(each -> each.3, arrayFilter(each -> each.1 IN ('', toString(Project)), Given))[1].2 AS Thumb,
    Seqs
FROM
(
    SELECT Project, TraceId, GoldIds, Seqs
    FROM traces FINAL
    WHERE TraceKey IN {trace_keys:Array(UInt128)}
        AND TraceId IN {trace_ids:Array(String)}
) AS T
LEFT JOIN
(
    SELECT TraceId, groupArray((toString(Project), Value, Seq)) AS Given
    FROM feedback FINAL
    WHERE Name = 'thumbs' AND TraceId IN {trace_ids:Array(String)}
    GROUP BY TraceId
) AS F ON F.TraceId = T.TraceId
