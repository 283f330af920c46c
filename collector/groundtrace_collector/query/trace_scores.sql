-- One row a trace: of each name what its newest row says. As resolved_score.sql, for simple names (origins.py): of
-- these a row that was replaced is never the newest one, and FINAL can be left out.
SELECT Trace, VALUES
FROM
(
    ROWS
)
GROUP BY Trace
