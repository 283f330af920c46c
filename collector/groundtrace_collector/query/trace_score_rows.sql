SELECT TRACE AS Trace, Name, NEWNESS AS NewnessWORD
FROM scores
WHERE Name IN {resolved_names:Array(String)} AND AMONG
