-- One row a trace: of each name its newest row's values. As resolved_score.sql, for names whose rows are all of
-- whole traces and ok: then a row that was replaced is never the newest one, and FINAL can be left out.
SELECT JoinKey, VALUES
FROM
(
    SELECT JOIN_KEY AS JoinKey, Name, Score, Label, Threshold, NEWNESS AS Newness
    FROM scores
    WHERE Name IN {resolved_names:Array(String)}
        AND Status = 'ok'
        AND ({scope_project:String} = '' OR Project IN ('', {scope_project:String}))
        AND CreatedAt >= fromUnixTimestamp64Milli({scope_since_ms:Int64})
)
GROUP BY JoinKey
