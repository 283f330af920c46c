-- Metadata keys of recent traces, the commonest first: what cohorts can be made by.
SELECT
    arrayJoin(arrayFilter(
        key -> NOT arrayExists(prefix -> startsWith(key, prefix), {bookkeeping:Array(String)}),
        mapKeys(Metadata))) AS Key,
    count() AS Traces
FROM traces
WHERE (({project:String} = '' AND Project != {internal:String}) OR Project = {project:String})
    AND StartedAt >= now64(9) - INTERVAL 7 DAY
GROUP BY Key
ORDER BY Traces DESC, Key
LIMIT 40
