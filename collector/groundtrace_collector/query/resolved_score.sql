-- One row a trace: the score that counts for it under one name (DESIGN section 3, where-expressions).
-- Among ok rows of the whole trace: human over evaluator over api, then the newest version (numbers in it
-- compared as numbers), then the newest sequence; else the mean over its spans, each resolved the same way.
-- A score that came before its trace has no project yet and counts for the trace in whichever project it is.
WITH
    (
        SELECT arraySort(
            version -> arrayMap(part -> if(match(part, '^[0-9]'), leftPad(part, 20, '0'), part), extractAll(version, '[0-9]+|[^0-9]+')),
            groupUniqArray(toString(EvaluatorVersion)))
        FROM scores
        WHERE Name = {resolved_name:String}
    ) AS versions,
    if({scope_project:String} = '', (SELECT groupUniqArray(toString(Project)) FROM traces), [{scope_project:String}]) AS projects
SELECT
    Project,
    TraceId,
    multiIf(
        OfTraces > 0, tupleElement(OfTrace, 1),
        notEmpty(SpanScores), toNullable(arrayAvg(SpanScores)),
        NULL) AS Score,
    tupleElement(OfTrace, 2) AS Label,
    if(OfTraces > 0, tupleElement(OfTrace, 3), tupleElement(NewestOfSpans[1], 4)) AS Threshold,
    -- A span's rows are neighbours, the newest last.
    arrayFilter(
        (row, next) -> row.1 != next,
        OfSpans,
        arrayPushBack(arrayPopFront(arrayMap(row -> row.1, OfSpans)), '')) AS NewestOfSpans,
    arrayMap(row -> assumeNotNull(row.3), arrayFilter(row -> isNotNull(row.3), NewestOfSpans)) AS SpanScores
FROM
(
    SELECT
        AnyProject AS Project,
        TraceId,
        countIf(SpanId = '') AS OfTraces,
        argMaxIf((Score, toString(Label), Threshold), Newness, SpanId = '') AS OfTrace,
        arraySort(groupArrayIf((SpanId, Newness, Score, Threshold), SpanId != '')) AS OfSpans
    FROM
    (
        SELECT
            arrayJoin(if(Project = '', projects, [toString(Project)])) AS AnyProject,
            TraceId, SpanId, Score, Label, Threshold,
            (indexOf(['api', 'evaluator', 'human'], toString(Source)), indexOf(versions, toString(EvaluatorVersion)), Seq) AS Newness
        FROM scores FINAL
        WHERE Name = {resolved_name:String}
            AND Status = 'ok'
            AND ({scope_project:String} = '' OR Project IN ('', {scope_project:String}))
            AND CreatedAt >= fromUnixTimestamp64Milli({scope_since_ms:Int64})
    )
    GROUP BY AnyProject, TraceId
)
