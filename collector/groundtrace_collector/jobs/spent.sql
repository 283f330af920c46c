-- What a job spent and reserved on a day, in US dollars.
SELECT sum(Usd) AS Usd
FROM job_spending FINAL
WHERE Job = {job:String} AND Day = toDate({day:String})
