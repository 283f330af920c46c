INSERT INTO days (day, tokens, usd) VALUES (:day, 0, 0.0) ON CONFLICT (day) DO NOTHING
