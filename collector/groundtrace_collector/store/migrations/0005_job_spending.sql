-- What jobs with a budget spent a day: one row a call, its upper bound until it is known what it cost. A process
-- that is killed in a call leaves the bound standing, since the call may have been paid for.
CREATE TABLE IF NOT EXISTS job_spending
(
    Job LowCardinality(String),
    Day Date,
    CallId String,
    Usd Float64,
    Seq UInt64
)
ENGINE = ReplacingMergeTree(Seq)
ORDER BY (Job, Day, CallId)
TTL Day + INTERVAL 31 DAY
SETTINGS min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 10,
    cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;
