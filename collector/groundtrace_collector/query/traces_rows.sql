-- Every version of each trace named: FINAL would read every part to its end for a few rows.
SELECT
    Project, TraceId, Version, toUnixTimestamp64Nano(StartedAt) AS StartedNs, DurationNs, Query, Answer, Listed, Seqs
FROM traces
PREWHERE TraceKey IN {trace_keys:Array(UInt128)}
    AND TraceId IN {trace_ids:Array(String)} AND ({project:String} = '' OR Project = {project:String})
