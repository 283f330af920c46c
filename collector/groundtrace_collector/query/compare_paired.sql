-- Sums over pairs: the traces of one query or dataset row, averaged on each side.
SELECT Whole, Key, SUMS
FROM
(
    SELECT
        arrayJoin(GROUPS) AS CohortId,
        CohortId = 0 AS Whole,
        if(Whole, '', any(Cohort)) AS Key,
        Pair,
        SIDE_MEANS
    FROM
    (
        PER_TRACE
    )
    WHERE Pair != 0
    GROUP BY CohortId, Pair
)
WHERE Whole OR Key IN {keys:Array(String)}
GROUP BY Whole, Key
