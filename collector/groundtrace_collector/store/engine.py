"""The embedded engine's own files: its caps, and the version that wrote a store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from groundtrace_collector.errors import ConfigError, MissingExtraError

VERSION_FILE = "engine.json"
CONFIG_FILE = "engine.xml"
SCHEMA_FILE = "otlp.proto"
ENGINE_FOLDER = "engine"
ROOM_BYTES = 32 << 20
OLDEST_SERVER = "26.5"
"""Older servers count the rows of a decoded request wrongly, or do not know how to tell which value was set."""

# ClickHouse sizes its caches for a machine of its own (5 GB each); this is a guest on someone's laptop.
_CONFIG = """<clickhouse>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>33554432</index_mark_cache_size>
  <primary_index_cache_size>67108864</primary_index_cache_size>
  <uncompressed_cache_size>134217728</uncompressed_cache_size>
  <query_condition_cache_size>16777216</query_condition_cache_size>
  <vector_similarity_index_cache_size>33554432</vector_similarity_index_cache_size>
  <text_index_tokens_cache_size>33554432</text_index_tokens_cache_size>
  <text_index_header_cache_size>33554432</text_index_header_cache_size>
  <text_index_postings_cache_size>33554432</text_index_postings_cache_size>
  <parquet_metadata_cache_size>1048576</parquet_metadata_cache_size>
  <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>
</clickhouse>
"""


def write_engine_config(folder: Path, *, memory_bytes: int) -> Path:
    """Write the engine's configuration file and return its path."""
    path = folder / CONFIG_FILE
    _write(path, _CONFIG.format(memory_bytes=memory_bytes))
    return path


def write_schema(folder: Path, schema: str) -> Path:
    """Write the protobuf schema that requests are decoded with and return its path.

    The embedded engine would copy a schema that it is given as text into the current directory.
    """
    path = folder / SCHEMA_FILE
    _write(path, schema)
    return path


def _write(path: Path, text: str) -> None:
    """Write a file so that it is whole or as it was: a full disk must not leave half a version behind."""
    if path.exists() and path.read_text() == text:
        return
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)


def check_room(folder: Path) -> None:
    """Refuse a disk that is all but full: there the engine leaves empty files of new tables, and never opens again.

    Raises ConfigError that says how much there is and how much it takes.
    """
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES:
        raise ConfigError(
            f"the disk of the store's folder {folder} has {free >> 10:,} KiB left, "
            f"and a start takes {ROOM_BYTES >> 10:,} KiB: make room"
        )


def check_engine_version(folder: Path) -> None:
    """Refuse a store that a newer engine wrote: an older one opens it and silently shows fewer rows.

    Raises ConfigError that names both versions, MissingExtraError without chDB.
    """
    try:
        import chdb
    except ImportError as error:
        raise MissingExtraError(library="chdb", extra="embedded") from error
    engine = str(chdb.engine_version)
    recorded = _recorded_version(folder)
    if recorded is not None and _parts(recorded) > _parts(engine):
        raise ConfigError(
            f"the store {folder} was written by ClickHouse {recorded}, this is {engine}: "
            "upgrade chdb, an older engine would lose rows"
        )
    if recorded != engine:
        _write(folder / VERSION_FILE, json.dumps({"engine": engine}))


def check_server_version(version: str) -> None:
    """Refuse a server that decodes requests otherwise; raises ConfigError that names both versions."""
    if _parts(version)[:2] < _parts(OLDEST_SERVER):
        raise ConfigError(
            f"the server of --store is ClickHouse {version}; groundtrace needs {OLDEST_SERVER} or newer: upgrade it"
        )


def _recorded_version(folder: Path) -> str | None:
    path = folder / VERSION_FILE
    if not path.exists():
        return None
    try:
        version = str(json.loads(path.read_text())["engine"])
    except (ValueError, KeyError, TypeError):
        version = ""
    if not _parts(version):
        raise ConfigError(f"{path} is damaged: it should hold the engine's version")
    return version


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
