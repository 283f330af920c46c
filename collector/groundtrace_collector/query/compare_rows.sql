-- The traces of both sides with what is compared, kept for the statements that follow on the same handle.
CREATE OR REPLACE TEMPORARY TABLE compared ENGINE = Memory AS
PER_TRACE
