-- Every job there is; a removed one stays as a row, so that its ledger keeps a name.
SELECT Name, Spec, State, Cursor, LastRunAt, CreatedAt
FROM jobs FINAL
WHERE State != 'removed'
ORDER BY Name
