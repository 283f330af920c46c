-- The largest number of the server sequence that any row carries. Spans newer than the last settled trace
-- are found by their key, so this reads little however large the store is.
SELECT greatest(
    (SELECT max(LastSeq) FROM traces),
    (SELECT max(Version) FROM traces),
    (SELECT max(Seq) FROM otel_traces WHERE Seq > (SELECT max(LastSeq) FROM traces)),
    (SELECT max(Seq) FROM scores),
    (SELECT max(Seq) FROM feedback),
    (SELECT max(Seq) FROM jobs),
    (SELECT max(Seq) FROM ledger),
    (SELECT max(Seq) FROM saved_cohorts),
    (SELECT max(Seq) FROM api_keys),
    (SELECT max(Seq) FROM datasets),
    (SELECT max(Seq) FROM dataset_members),
    (SELECT max(Seq) FROM job_spending),
    (SELECT max(Seq) FROM calibrations)
) AS Seq
