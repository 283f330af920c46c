-- API keys: a keyed hash of each, never the token. A revoked key keeps its row.
CREATE TABLE IF NOT EXISTS api_keys
(
    Prefix String,
    Name String,
    Role LowCardinality(String),
    Project String,
    Salt String,
    Digest String,
    CreatedAt DateTime64(3),
    RevokedAt Nullable(DateTime64(3)),
    Seq UInt64
)
ENGINE = ReplacingMergeTree(Seq)
ORDER BY Prefix
SETTINGS old_parts_lifetime = 20, fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1;

-- When keys were last used, apart from the keys: who may come in is never written by a request.
CREATE TABLE IF NOT EXISTS key_uses
(
    Prefix String,
    UsedAt DateTime('UTC')
)
ENGINE = ReplacingMergeTree(UsedAt)
ORDER BY Prefix
SETTINGS old_parts_lifetime = 20;
