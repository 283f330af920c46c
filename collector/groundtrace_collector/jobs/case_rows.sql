-- What dataset rows say should have come: of each row id the newest contents that say it.
SELECT
    Project,
    RowId,
    argMaxIf(ExpectedAnswer, CreatedAt, ExpectedAnswer != '') AS Expected,
    argMaxIf(PositiveIds, CreatedAt, notEmpty(PositiveIds)) AS Positives
FROM dataset_rows
WHERE RowId IN {row_ids:Array(String)} AND (Project IN {projects:Array(String)} OR Project = '')
GROUP BY Project, RowId
