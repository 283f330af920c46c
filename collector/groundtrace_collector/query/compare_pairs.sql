-- Of each cohort, and of the whole as 0: how many traces it has on each side, how many of them share a question with
-- the other side, whether any belongs to a session, whether the traces of one question lie in several cohorts; and
-- sums over its pairs: the traces of one question, averaged on each side.
SELECT
    CohortId,
    sum(Base) AS BaseTraces,
    sum(Candidate) AS CandidateTraces,
    countIf(Pair != 0 AND Base > 0 AND Candidate > 0) AS Pairs,
    sumIf(Base, Pair != 0 AND Candidate > 0) AS BasePaired,
    sumIf(Candidate, Pair != 0 AND Base > 0) AS CandidatePaired,
    max(InSession) AS Sessions,
    max(Spread) AS MixedSUMS
FROM
(
    SELECT
        GROUP_ID AS Id,
        COHORT_ID AS CohortId,
        Pair,
        countIf(Side = 0) AS Base,
        countIf(Side = 1) AS Candidate,
        max(HasSession) AS InSession,
        Pair != 0 AND min(CohortHash) != max(CohortHash) AS SpreadWITHIN
    FROM ROWS AS rows
    GROUP BY Id, Pair
)
GROUP BY CohortId WHOLE
HAVING CohortId IN {cohort_ids:Array(UInt64)}
