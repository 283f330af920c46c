"""The store: whether it can be opened, by which engine, and who holds it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.doctor.finding import Finding, fail, ok, warn
from groundtrace_collector.errors import GroundtraceError
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.engine import (
    CONFIG_FILE,
    ENGINE_FOLDER,
    check_engine_version,
    check_server_version,
)
from groundtrace_collector.store.migrate import migration_names
from groundtrace_collector.store.owner import OWNER_FILE, Ownership, owner_of, running_at
from groundtrace_collector.store.store import DEFAULT_DATABASE


def check_store(config: CollectorConfig) -> list[Finding]:
    """How the store is; one that no process holds is opened, and nothing in it is changed."""
    if not config.embedded:
        return _check_server(config)
    folder = config.data_dir
    if running_at(folder) is not None:
        return [ok("store", f"{folder} is in use by {owner_of(folder)}")]
    if not (folder / ENGINE_FOLDER).exists():
        return [_check_new(folder)]
    try:
        ownership = Ownership.claim(folder, address="groundtrace doctor")
    except GroundtraceError as error:
        return [fail("store", str(error), "stop that process, or name another store with --store")]
    try:
        return _check_embedded(config)
    except GroundtraceError as error:
        return [fail("store", f"{folder} cannot be opened: {error}", "see docs/operations.md, Backup")]
    finally:
        ownership.release()


def owner_pid(folder: Path) -> int | None:
    """The process that holds an embedded store now; None where none does."""
    if running_at(folder) is None:
        return None
    try:
        return int(json.loads((folder / OWNER_FILE).read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_new(folder: Path) -> Finding:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir():
        return fail("store", f"{there} is a file, not a folder", "name another with --store")
    if not os.access(there, os.W_OK):
        return fail("store", f"{folder} cannot be made: {there} is not writable", "name another with --store")
    return ok("store", f"{folder} is not there yet; `groundtrace serve` makes it")


def _check_embedded(config: CollectorConfig) -> list[Finding]:
    folder = config.data_dir
    check_engine_version(folder)
    written = folder / CONFIG_FILE
    database = parse_qs(urlsplit(config.store).query).get("database", [DEFAULT_DATABASE])[0]
    driver = Driver.open(
        f"chdb://{folder / ENGINE_FOLDER}",
        database=database,
        settings={},
        engine_config=written if written.exists() else None,
    )
    try:
        return _check_schema(driver, str(folder))
    finally:
        driver.close()


def _check_server(config: CollectorConfig) -> list[Finding]:
    database = urlsplit(config.store).path.strip("/")
    shown = f"{urlsplit(config.store).hostname}/{database}"
    try:
        driver = Driver.open(config.store, database=None, settings={}, engine_config=None)
    except GroundtraceError:
        return [fail("store", f"{shown} does not answer", "start the ClickHouse server, or check --store")]
    try:
        check_server_version(driver.engine_version)
        known = driver.query(
            "SELECT name FROM system.databases WHERE name = {database:String}", {"database": database}
        )
    except GroundtraceError as error:
        return [fail("store", str(error), "upgrade the server, or look at the user's rights")]
    finally:
        driver.close()
    if not known:
        return [ok("store", f"{shown} is not there yet; `groundtrace serve` makes it")]
    driver = Driver.open(config.store, database=database, settings={}, engine_config=None)
    try:
        return _check_schema(driver, shown)
    finally:
        driver.close()


def _check_schema(driver: Driver, name: str) -> list[Finding]:
    found = [ok("engine", f"ClickHouse {driver.engine_version}")]
    done = {row["Name"] for row in driver.query("SELECT DISTINCT Name FROM migrations")}
    known = migration_names()
    if newer := sorted(done - set(known)):
        advice = "upgrade groundtrace: the store was written by a newer one"
        return [*found, fail("store", f"{name} has migration {newer[-1]}, which is not known here", advice)]
    if missing := [each for each in known if each not in done]:
        advice = "`groundtrace serve` or `groundtrace migrate` brings it up to date; back it up before"
        return [*found, warn("store", f"{name} lacks migration {', '.join(missing)}", advice)]
    return [*found, ok("store", f"{name} can be opened and is up to date")]
