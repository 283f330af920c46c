-- Every key there was, revoked ones too: once there has been one, nobody comes in without.
SELECT Prefix, Name, Role, Project, Salt, Digest, CreatedAt, RevokedAt
FROM api_keys FINAL
ORDER BY CreatedAt, Prefix
