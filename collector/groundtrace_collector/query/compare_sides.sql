-- Sums of each side over its traces, of each cohort and of the whole as 0.
SELECT CohortHash AS CohortId, Side, SUMS
FROM ROWS AS rows
GROUP BY Side, CohortId WHOLE
HAVING grouping(Side) = 0 AND CohortId IN {cohort_ids:Array(UInt64)}
