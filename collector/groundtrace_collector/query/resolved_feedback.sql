-- One row a trace: the newest feedback under one name. Feedback that came before its trace has no project yet.
WITH if({scope_project:String} = '', (SELECT groupUniqArray(toString(Project)) FROM traces), [{scope_project:String}]) AS projects
SELECT
    FeedbackProject AS Project,
    TraceId,
    argMax((Value, Label), Seq) AS Newest,
    Newest.1 AS Value,
    Newest.2 AS Label
FROM
(
    SELECT arrayJoin(if(Project = '', projects, [toString(Project)])) AS FeedbackProject, TraceId, Value, Label, Seq
    FROM feedback FINAL
    WHERE Name = {resolved_name:String}
        AND ({scope_project:String} = '' OR Project IN ('', {scope_project:String}))
        AND CreatedAt >= fromUnixTimestamp64Milli({scope_since_ms:Int64})
)
GROUP BY FeedbackProject, TraceId
