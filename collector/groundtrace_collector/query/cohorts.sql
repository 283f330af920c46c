SELECT Cohort, count() AS Traces, SUMS
FROM
(
    PER_TRACE
)
GROUP BY Cohort
ORDER BY Traces DESC, Cohort
LIMIT {cohorts:UInt32}
