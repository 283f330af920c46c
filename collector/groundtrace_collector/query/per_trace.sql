-- One row a trace: what it is counted under, the values of the metrics, scores and feedback joined where a metric needs them.
SELECT NAMES
FROM
(
    SELECT COLUMNS
    FROM traces FINAL
    WHERE CONDITION
) AS trace
JOINS
