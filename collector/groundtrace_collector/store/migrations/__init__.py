"""The schema, one numbered SQL file a change; a released file is never edited."""
