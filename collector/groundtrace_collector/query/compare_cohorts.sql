-- The largest cohorts. Elsewhere a cohort is its hash: text is carried along once here, not with every group.
SELECT CohortHash AS CohortId, toString(any(Cohort)) AS Key, count() AS Traces
FROM compared
GROUP BY CohortId
ORDER BY Traces DESC, Key
LIMIT {cohorts:UInt32}
