UPDATE days SET tokens = tokens + :tokens, usd = usd + :usd WHERE day = :day
