-- What each job decided, by status and reason. A task that was decided twice counts once.
SELECT Job, Status, Reason, count() AS Decided, sum(ifNull(CostUsd, 0.)) AS CostUsd
FROM ledger FINAL
WHERE Job != '' AND ({project:String} = '' OR Project = {project:String})
GROUP BY Job, Status, Reason
ORDER BY Job, Decided DESC, Status, Reason
