SELECT count() AS Rows
FROM dataset_members FINAL
WHERE Project = {project:String} AND Dataset = {name:String} AND Upload = {upload:UInt64}
