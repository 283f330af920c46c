-- A key that is bound to a project saves cohorts of its own; those without a project are everyone else's.
ALTER TABLE saved_cohorts
    ADD COLUMN IF NOT EXISTS Project LowCardinality(String) AFTER Name,
    MODIFY ORDER BY (Name, Project);
