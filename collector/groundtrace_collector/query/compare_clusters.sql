-- Sums of each side over its clusters: a session, or the trace where it has none.
SELECT
    CohortId,
    if(CohortId = 0, '', toString(any(Cohort))) AS Key,
    Side,
    SUMS
FROM
(
    SELECT
        arrayJoin(COHORT_IDS) AS CohortId,
        any(rows.Cohort) AS Cohort,
        Side,
        Cluster,
        WITHIN
    FROM ROWS AS rows
    GROUP BY CohortId, Side, Cluster
)
GROUP BY CohortId, Side
HAVING CohortId = 0 OR Key IN {keys:Array(String)}
