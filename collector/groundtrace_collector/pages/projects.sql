-- The projects that hold traces, for the filter's suggestions; the largest first.
SELECT Project, count() AS Traces
FROM traces FINAL
WHERE ({project:String} = '' AND Project != {internal:String}) OR Project = {project:String}
GROUP BY Project
ORDER BY Traces DESC, Project
LIMIT 50
