-- A page of one version's rows, in the order in which they were added.
SELECT Place, R.*
FROM
(
    SELECT Place, Digest
    FROM dataset_members FINAL
    WHERE Project = {project:String} AND Dataset = {name:String} AND Upload = {upload:UInt64}
        AND Place > {behind:UInt64}
    ORDER BY Place
    LIMIT {rows:UInt32}
) AS M
INNER JOIN
(
    SELECT *
    FROM dataset_rows FINAL
    WHERE Project = {project:String} AND Digest IN
    (
        SELECT Digest
        FROM dataset_members FINAL
        WHERE Project = {project:String} AND Dataset = {name:String} AND Upload = {upload:UInt64}
            AND Place > {behind:UInt64}
        ORDER BY Place
        LIMIT {rows:UInt32}
    )
) AS R ON M.Digest = R.Digest
ORDER BY Place
