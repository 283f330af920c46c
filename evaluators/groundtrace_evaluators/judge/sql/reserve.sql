UPDATE days
SET tokens = tokens + :tokens, usd = usd + :usd
WHERE day = :day
  AND (:day_tokens IS NULL OR tokens + :tokens <= :day_tokens)
  AND (:day_usd IS NULL OR usd + :usd <= :day_usd)
