-- Sums of each side over its clusters: a session, or the trace where it has none; of each cohort and of the whole as 0.
SELECT CohortId, Side, SUMS
FROM
(
    SELECT arrayJoin(COHORT_IDS) AS CohortId, Side, Cluster, WITHIN
    FROM ROWS AS rows
    GROUP BY CohortId, Side, Cluster
)
GROUP BY CohortId, Side
HAVING CohortId IN {cohort_ids:Array(UInt64)}
