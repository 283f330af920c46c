-- How many traces each cohort has on each side, and how many of them share a query or dataset row with the other.
SELECT
    Whole, Key,
    sum(Base) AS BaseTraces,
    sum(Candidate) AS CandidateTraces,
    countIf(Pair != 0 AND Base > 0 AND Candidate > 0) AS Pairs,
    sumIf(Base, Pair != 0 AND Candidate > 0) AS BasePaired,
    sumIf(Candidate, Pair != 0 AND Base > 0) AS CandidatePaired
FROM
(
    SELECT
        arrayJoin(GROUPS) AS CohortId,
        CohortId = 0 AS Whole,
        if(Whole, '', any(Cohort)) AS Key,
        Pair,
        countIf(Side = 0) AS Base,
        countIf(Side = 1) AS Candidate
    FROM
    (
        PER_TRACE
    )
    GROUP BY CohortId, Pair
)
GROUP BY Whole, Key
ORDER BY Whole DESC, BaseTraces + CandidateTraces DESC, Key
LIMIT {cohorts:UInt32}
