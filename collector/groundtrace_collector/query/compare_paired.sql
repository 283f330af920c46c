-- Sums over pairs: the traces of one question, averaged on each side.
SELECT
    arrayJoin(Ids) AS CohortId,
    if(CohortId = 0, '', toString(any(Cohort))) AS Key,
    SUMS
FROM
(
    SELECT
        GROUP_ID AS Id,
        GROUP_IDS AS Ids,
        Pair,
        any(rows.Cohort) AS Cohort,
        WITHIN
    FROM ROWS AS rows
    WHERE Pair != 0
    GROUP BY Id, Pair
)
GROUP BY CohortId
HAVING CohortId = 0 OR Key IN {keys:Array(String)}
