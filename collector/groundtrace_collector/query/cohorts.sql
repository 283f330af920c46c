SELECT toString(Cohort) AS Key, count() AS Traces, SUMS
FROM
(
    PER_TRACE
)
GROUP BY Cohort
ORDER BY Traces DESC, Key
LIMIT {cohorts:UInt32}
