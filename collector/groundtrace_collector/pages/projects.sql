-- The projects that hold traces, for the filter's suggestions; about the largest first, for replaced rows count.
SELECT Project, count() AS Traces
FROM traces
WHERE ({project:String} = '' AND Project != {internal:String}) OR Project = {project:String}
GROUP BY Project
ORDER BY Traces DESC, Project
LIMIT 50
