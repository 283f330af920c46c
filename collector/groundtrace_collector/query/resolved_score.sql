-- One row a trace: the score that counts for it under one name (DESIGN section 3, where-expressions).
-- Among ok rows of the whole trace: human over evaluator over api, then the newest version (numbers in it
-- compared as numbers), then the newest sequence; else the mean over its spans, each resolved the same way.
-- A score that came before its trace has no project yet and counts for the trace in whichever project it is.
WITH
    -- Source and version in the order in which they count, least first.
    (
        SELECT arrayMap(pair -> concat(pair.2, ' ', pair.4), arraySort(groupUniqArray((
            indexOf(['api', 'evaluator', 'human'], toString(Source)),
            toString(Source),
            arrayMap(
                part -> if(match(part, '^[0-9]'), leftPad(part, 20, '0'), part),
                extractAll(toString(EvaluatorVersion), '[0-9]+|[^0-9]+')),
            toString(EvaluatorVersion)))))
        FROM scores
        WHERE Name = {resolved_name:String}
    ) AS origins,
    if({scope_project:String} = '', (SELECT groupUniqArray(toString(Project)) FROM traces), [{scope_project:String}]) AS projects
SELECT
    Project,
    TraceId,
    multiIf(
        OfTraces > 0, if(isNaN(TraceScore), NULL, TraceScore),
        notEmpty(SpanScores), arrayAvg(SpanScores),
        NULL) AS Score,
    TraceLabel AS Label,
    -- What it says beside the score: 1 fail and 2 pass by its label; without either and without a score, 3 some
    -- other label or 4 nothing; else whether the score is 5 below, 6 at or 7 above its threshold.
    multiIf(
        Label = 'fail', 1,
        Label = 'pass', 2,
        isNull(Score), if(Label = '', 4, 3),
        Score < if(isNaN(AnyThreshold), 0.5, AnyThreshold), 5,
        Score = if(isNaN(AnyThreshold), 0.5, AnyThreshold), 6,
        7) AS Said
FROM
(
    -- NaN stands for null: argMax passes over nulls, and over tuples it is four times slower.
    SELECT
        AnyProject AS Project,
        TraceId,
        countIf(SpanId = '') AS OfTraces,
        argMaxIf(ifNull(Score, nan), Newness, SpanId = '') AS TraceScore,
        argMaxIf(Label, Newness, SpanId = '') AS TraceLabel,
        -- That of the row that counts: a score of a span does not say what the whole trace is held to.
        argMax(ifNull(Threshold, nan), (SpanId = '', Newness)) AS AnyThreshold,
        arraySort(groupArrayIf((SpanId, Newness, ifNull(Score, nan)), SpanId != '')) AS OfSpans,
        -- A span's rows are neighbours, the newest last.
        arrayFilter(
            (row, next) -> row.1 != next,
            OfSpans,
            arrayPushBack(arrayPopFront(arrayMap(row -> row.1, OfSpans)), '')) AS NewestOfSpans,
        arrayFilter(score -> NOT isNaN(score), arrayMap(row -> row.3, NewestOfSpans)) AS SpanScores
    FROM
    (
        SELECT
            arrayJoin(if(Project = '', projects, [toString(Project)])) AS AnyProject,
            TraceId, SpanId, Score, toString(Label) AS Label, Threshold,
            -- Sequences are microseconds: below 2^52 until the year 2112.
            indexOf(origins, concat(Source, ' ', EvaluatorVersion)) * 4503599627370496 + Seq AS Newness
        FROM scores FINAL
        WHERE Name = {resolved_name:String}
            AND Status = 'ok'
            AND ({scope_project:String} = '' OR Project IN ('', {scope_project:String}))
            AND CreatedAt >= fromUnixTimestamp64Milli({scope_since_ms:Int64})
    )
    GROUP BY AnyProject, TraceId
)
