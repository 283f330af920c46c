-- The rows of the version before go on, save those that the upload has by the same id.
INSERT INTO dataset_members (Project, Dataset, Upload, RowId, Digest, Place, Seq)
SELECT Project, Dataset, {upload:UInt64}, RowId, Digest, Place, {seq:UInt64}
FROM dataset_members FINAL
WHERE Project = {project:String} AND Dataset = {name:String} AND Upload = {before:UInt64}
    AND RowId NOT IN
    (
        SELECT RowId
        FROM dataset_members
        WHERE Project = {project:String} AND Dataset = {name:String} AND Upload = {upload:UInt64}
    )
