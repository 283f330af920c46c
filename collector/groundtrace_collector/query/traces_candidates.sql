-- Keys of a page, newest version or not: reading without FINAL costs a fifth. The caller drops the versions
-- that are not the trace's newest (traces_rows.sql) and asks for more when too few are left.
SELECT Project, TraceId, Version, SORT_MISSING AS SortMissing, SORT_VALUE AS SortValue
FROM traces
WHERE CONDITION AND AFTER_CURSOR AND WINDOW
ORDER BY SortMissing, SortValue DIRECTION, TraceId DIRECTION, Project DIRECTION, Version DESC
LIMIT {candidates:UInt32}
