-- The last use of each key; of several collectors on one server the latest counts.
SELECT Prefix, max(UsedAt) AS UsedAt
FROM key_uses
GROUP BY Prefix
