"""A real embedded store for every test: one engine a pytest process, one database a test."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.store import Store

_databases = itertools.count(1)
MEMORY_BYTES = 2 << 30


@pytest.fixture(scope="session")
def engine_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of this process's engine; a handle keeps it open between tests."""
    from groundtrace_collector.store.engine import ENGINE_FOLDER, write_engine_config

    folder = tmp_path_factory.mktemp("engine")
    config = write_engine_config(folder, memory_bytes=MEMORY_BYTES)
    anchor = Driver.open(f"chdb://{folder / ENGINE_FOLDER}", database=None, settings={}, engine_config=config)
    yield folder
    anchor.close()


@pytest.fixture
async def store(engine_dir: Path) -> AsyncIterator[Store]:
    """A migrated, empty store."""
    database = f"test_{next(_databases)}"
    store = await Store.open(
        f"chdb://{engine_dir}?database={database}",
        data_dir=engine_dir,
        memory_bytes=MEMORY_BYTES,
        retention_days=30,
    )
    yield store
    await store.command(f"DROP DATABASE `{database}` SYNC")
    await store.close()
