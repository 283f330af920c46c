-- Each encoder version with the traces it served.
SELECT
    Encoder,
    count() AS Traces,
    toUnixTimestamp64Milli(toDateTime64(min(StartedAt), 3)) AS FirstMs,
    toUnixTimestamp64Milli(toDateTime64(max(StartedAt), 3)) AS LastMs
FROM traces FINAL
WHERE Encoder != '' AND (({project:String} = '' AND Project != {internal:String}) OR Project = {project:String})
GROUP BY Encoder
ORDER BY LastMs DESC, Encoder
LIMIT 200
