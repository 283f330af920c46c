SELECT Name, Expression, CreatedAt
FROM saved_cohorts FINAL
WHERE NOT Deleted
ORDER BY Name
