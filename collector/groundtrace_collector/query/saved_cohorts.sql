SELECT Name, Expression, CreatedAt
FROM saved_cohorts FINAL
WHERE NOT Deleted AND Project = {project:String}
ORDER BY Name
