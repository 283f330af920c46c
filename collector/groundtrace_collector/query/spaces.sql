-- Groups of traces whose values are on more than one scale.
SELECT toString(GROUPED) AS Key, arraySort(groupUniqArray(4)(toString(SPACE))) AS Spaces
FROM traces FINAL
WHERE CONDITION AND isNotNull(VALUE)
GROUP BY Key
HAVING length(Spaces) > 1
ORDER BY Key
LIMIT 1
