-- As resolved_score.sql, for a score that one evaluator in one version gave to whole traces of known projects:
-- there is nothing to choose between, and without the grouping it costs a third.
SELECT toString(Project) AS Project, TraceId, Score, toString(Label) AS Label, Threshold
FROM scores FINAL
WHERE Name = {resolved_name:String}
    AND Status = 'ok'
    AND ({scope_project:String} = '' OR Project = {scope_project:String})
    AND CreatedAt >= fromUnixTimestamp64Milli({scope_since_ms:Int64})
