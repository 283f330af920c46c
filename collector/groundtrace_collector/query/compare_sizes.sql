-- How many traces each cohort has on each side, how many of them share a question with the other side, whether
-- any belongs to a session, and whether the traces of one question lie in several cohorts.
SELECT
    arrayJoin(Ids) AS CohortId,
    if(CohortId = 0, '', toString(any(Cohort))) AS Key,
    sum(Base) AS BaseTraces,
    sum(Candidate) AS CandidateTraces,
    countIf(Pair != 0 AND Base > 0 AND Candidate > 0) AS Pairs,
    sumIf(Base, Pair != 0 AND Candidate > 0) AS BasePaired,
    sumIf(Candidate, Pair != 0 AND Base > 0) AS CandidatePaired,
    max(InSession) AS Sessions,
    max(Spread) AS Mixed
FROM
(
    SELECT
        GROUP_ID AS Id,
        GROUP_IDS AS Ids,
        Pair,
        any(rows.Cohort) AS Cohort,
        countIf(Side = 0) AS Base,
        countIf(Side = 1) AS Candidate,
        max(HasSession) AS InSession,
        Pair != 0 AND min(CohortHash) != max(CohortHash) AS Spread
    FROM ROWS AS rows
    GROUP BY Id, Pair
)
GROUP BY CohortId
ORDER BY CohortId != 0, BaseTraces + CandidateTraces DESC, Key
LIMIT {cohorts:UInt32}
