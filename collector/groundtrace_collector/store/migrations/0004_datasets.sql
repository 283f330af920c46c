-- Datasets: a version is an upload that was completed, and is never written again. They outlive the traces that
-- they were made from, so they have no TTL. Project is '' where the one who made them is bound to none.
CREATE TABLE IF NOT EXISTS datasets
(
    Project String,
    Name String,
    Version UInt32,
    Upload UInt64,
    Rows UInt64,
    Source String,
    CreatedAt DateTime64(3) DEFAULT now64(3),
    Seq UInt64
)
ENGINE = ReplacingMergeTree(Seq)
ORDER BY (Project, Name, Version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 10, cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

-- What is in which version, by the digest of its contents: a row that does not change is stored once.
CREATE TABLE IF NOT EXISTS dataset_members
(
    Project LowCardinality(String),
    Dataset LowCardinality(String),
    Upload UInt64 CODEC(ZSTD(1)),
    RowId String CODEC(ZSTD(1)),
    Digest FixedString(32) CODEC(ZSTD(1)),
    Place UInt64 CODEC(Delta(8), ZSTD(1)),
    Seq UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(Seq)
ORDER BY (Project, Dataset, Upload, RowId)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 10, cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;

-- Contents, of every version of every dataset of a project. '' is a field that says nothing.
CREATE TABLE IF NOT EXISTS dataset_rows
(
    Project LowCardinality(String),
    Digest FixedString(32),
    RowId String CODEC(ZSTD(3)),
    Query String CODEC(ZSTD(3)),
    PositiveChunk String CODEC(ZSTD(3)),
    HardNegativeChunk String CODEC(ZSTD(3)),
    EmbeddingModelVersion LowCardinality(String),
    ExpectedAnswer String CODEC(ZSTD(3)),
    PositiveIds Array(String) CODEC(ZSTD(1)),
    Metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    DocumentId String CODEC(ZSTD(1)),
    HardNegativeId String CODEC(ZSTD(1)),
    Intent LowCardinality(String),
    ModelVersion LowCardinality(String),
    Source LowCardinality(String),
    CreatedAt DateTime64(3) DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (Project, Digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 10, cleanup_delay_period = 5, max_cleanup_delay_period = 10, cleanup_delay_period_random_add = 0;
