-- Ends the queries of some handles (they carry a mark) that run longer than so many seconds. They end at their
-- next block; the statement does not wait for them.
KILL QUERY
WHERE Settings['log_comment'] = {mark:String} AND elapsed >= {longer_than_s:Float64}
ASYNC
