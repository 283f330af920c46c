SELECT tokens, usd FROM days WHERE day = :day
