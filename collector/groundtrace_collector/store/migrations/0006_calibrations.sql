-- What labels said of the scores of an evaluator, version and method, as JSON: of one project, or '' of every one
-- that has none of its own. A later calibration replaces the earlier. Without a TTL: it outlives its labels.
CREATE TABLE IF NOT EXISTS calibrations
(
    Project String,
    Evaluator String,
    EvaluatorVersion String,
    Method String,
    Labels String,
    Calibration String,
    CreatedAt DateTime64(3) DEFAULT now64(3),
    Seq UInt64
)
ENGINE = ReplacingMergeTree(Seq)
ORDER BY (Project, Evaluator, EvaluatorVersion, Method)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 10, cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;
