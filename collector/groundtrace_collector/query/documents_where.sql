SELECT Project, TraceId
FROM retrieved_documents
WHERE ({scope_project:String} = '' OR Project = {scope_project:String})
    AND Timestamp >= fromUnixTimestamp64Milli({scope_since_ms:Int64})
    AND (TEST)
