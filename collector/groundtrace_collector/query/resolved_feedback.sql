-- One row a trace: the newest feedback under one name. Feedback that came before its trace has no project yet.
WITH if({scope_project:String} = '', (SELECT groupUniqArray(toString(Project)) FROM traces), [{scope_project:String}]) AS projects
SELECT Project, TraceId, tupleElement(Newest, 1) AS Value, tupleElement(Newest, 2) AS Label
FROM
(
    SELECT AnyProject AS Project, TraceId, argMax((Value, Label), Seq) AS Newest
    FROM
    (
        SELECT arrayJoin(if(Project = '', projects, [toString(Project)])) AS AnyProject, TraceId, Value, Label, Seq
        FROM feedback FINAL
        WHERE Name = {resolved_name:String}
            AND ({scope_project:String} = '' OR Project IN ('', {scope_project:String}))
            AND CreatedAt >= fromUnixTimestamp64Milli({scope_since_ms:Int64})
    )
    GROUP BY AnyProject, TraceId
)
