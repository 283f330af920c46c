-- What was said about one trace, replaced rows too: its scores in whatever project, what was decided for each
-- evaluator, span and input, and its feedback. One statement, because planning each takes as long as reading it.
SELECT
    'score' AS Kind, Project, Name, TraceId, SpanId, Source, Evaluator, EvaluatorVersion, Score, Label, Status, Explanation, Evidence,
    Method, Threshold, CostUsd, CreatedAt, Seq
FROM scores
PREWHERE TraceId = {trace_id:String}
UNION ALL
SELECT 'evaluation', Project, '', TraceId, SpanId, '', Evaluator, EvaluatorVersion, NULL, '', Status, Reason, '', Job, NULL, NULL, CreatedAt, Seq
FROM ledger
PREWHERE TraceId = {trace_id:String} AND Project IN ('', {project:String})
UNION ALL
SELECT 'feedback', Project, Name, TraceId, '', '', '', '', Value, Label, '', Comment, '', '', NULL, NULL, CreatedAt, Seq
FROM feedback
PREWHERE TraceId = {trace_id:String} AND Project IN ('', {project:String})
