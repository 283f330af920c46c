-- Which of these rows an upload has, and with which contents.
SELECT RowId, toString(Digest) AS Known
FROM dataset_members FINAL
WHERE Project = {project:String} AND Dataset = {name:String} AND Upload = {upload:UInt64} AND RowId IN {ids:Array(String)}
