"""The schema's numbered files, applied in order, each once.

Each statement says IF NOT EXISTS, and a migration is recorded only when all of it ran: one that was
killed half-way simply runs again, so there is no dirty state to clean.
"""

from __future__ import annotations

from importlib import resources

from groundtrace_collector.errors import ConfigError
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.sql import split_statements

PACKAGE = "groundtrace_collector.store.migrations"
_RECORD = (
    "CREATE TABLE IF NOT EXISTS migrations (Name String, AppliedAt DateTime64(3) DEFAULT now64(3)) "
    "ENGINE = MergeTree ORDER BY Name"
)


def migration_names() -> list[str]:
    """The migrations that this version knows, oldest first."""
    files = (entry.name for entry in resources.files(PACKAGE).iterdir())
    return sorted(name.removesuffix(".sql") for name in files if name.endswith(".sql"))


def migrate(driver: Driver) -> list[str]:
    """Bring the store's schema up to this version; returns the names of the migrations applied now.

    Raises ConfigError when the store was migrated by a newer groundtrace.
    """
    driver.command(_RECORD)
    done = {row["Name"] for row in driver.query("SELECT DISTINCT Name FROM migrations")}
    known = migration_names()
    if unknown := sorted(done - set(known)):
        raise ConfigError(
            f"the store has migration {unknown[-1]}, which this groundtrace does not know: upgrade"
        )
    applied = []
    for name in known:
        if name in done:
            continue
        script = resources.files(PACKAGE).joinpath(f"{name}.sql").read_text(encoding="utf-8")
        for text in split_statements(script):
            driver.command(text)
        driver.insert_rows("migrations", [{"Name": name}])
        applied.append(name)
    return applied
