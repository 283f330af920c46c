-- Each dataset of a project with its newest version.
SELECT Name, max(Version) AS Newest, count() AS Versions, argMax(Rows, Version) AS NewestRows,
    argMax(Source, Version) AS NewestSource, argMax(CreatedAt, Version) AS NewestAt
FROM datasets FINAL
WHERE Project = {project:String}
GROUP BY Name
ORDER BY Name
