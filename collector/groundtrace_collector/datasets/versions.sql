-- The versions of one dataset, newest first.
SELECT Version, Upload, Rows, Source, CreatedAt
FROM datasets FINAL
WHERE Project = {project:String} AND Name = {name:String}
ORDER BY Version DESC
