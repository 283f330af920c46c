SELECT TRACE AS Trace, Name, NEWNESS AS Newness, if(Status = 'ok', toString(Label), '') AS Word
FROM scores
WHERE Name IN {resolved_names:Array(String)}
    AND AMONG
    -- Only to leave whole days out: an older row does no harm.
    AND indexHint(CreatedAt >= fromUnixTimestamp64Milli({scope_since_ms:Int64}))
