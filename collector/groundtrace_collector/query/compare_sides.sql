-- Sums of each side over its traces.
SELECT
    arrayJoin(COHORT_IDS) AS CohortId,
    if(CohortId = 0, '', toString(any(Cohort))) AS Key,
    Side,
    SUMS
FROM ROWS AS rows
GROUP BY CohortId, Side
HAVING CohortId = 0 OR Key IN {keys:Array(String)}
