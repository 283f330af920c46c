-- Sums of each side over its clusters: a session, or the trace where it has none.
SELECT Whole, Key, Side, SUMS
FROM
(
    SELECT
        arrayJoin(GROUPS) AS CohortId,
        CohortId = 0 AS Whole,
        if(Whole, '', any(Cohort)) AS Key,
        Side,
        Cluster,
        CLUSTER_SUMS
    FROM
    (
        PER_TRACE
    )
    GROUP BY CohortId, Side, Cluster
)
WHERE Whole OR Key IN {keys:Array(String)}
GROUP BY Whole, Key, Side
