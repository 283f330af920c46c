"""The settings of `groundtrace serve`: argument over environment over default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from groundtrace_collector.errors import ConfigError

ENVIRONMENT_PREFIX = "GROUNDTRACE_"


def default_data_home(environ: Mapping[str, str]) -> Path:
    """The folder of groundtrace's own files: ``$XDG_DATA_HOME/groundtrace``, else under ``~/.local/share``."""
    base = environ.get("XDG_DATA_HOME") or ""
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share"
    return root / "groundtrace"


class CollectorConfig(BaseModel):
    """What a collector is told at its start; it is checked once and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str = Field(description="chdb:///absolute/path, or clickhouse://host:8123/database.")
    data_dir: Path = Field(description="Folder of segments and quarantine; chDB's own folder where embedded.")
    host: str = Field("127.0.0.1", min_length=1, description="Address that HTTP and gRPC listen on.")
    port: int = Field(
        4318, ge=0, le=65535, description="Port of pages, API and OTLP/HTTP; 0 takes a free one."
    )
    grpc_port: int | None = Field(4317, ge=0, le=65535, description="Port of OTLP/gRPC; None for no gRPC.")
    allow_host: tuple[str, ...] = Field(
        (), description="Further names that HTTP answers to, such as a proxy's; separated by commas."
    )
    log_format: Literal["human", "json"] = Field(
        "human", description="How log lines look: for people, or one JSON object each."
    )
    worker: bool = Field(default=True, description="Start a worker process that runs the jobs.")
    prices: Path | None = Field(
        None, description="CSV file of model prices, asked before those that come with groundtrace."
    )
    retention_days: int = Field(30, ge=1, le=36_500, description="Days a span is kept.")
    body_bytes: int = Field(
        16 << 20, ge=1 << 10, description="Largest request body taken, as sent; JSON also inflated."
    )
    inflated_bytes: int = Field(
        64 << 20, ge=1 << 10, description="Largest protobuf request body taken, inflated."
    )
    attribute_bytes: int = Field(1 << 20, ge=64, description="Longest attribute value kept; the rest is cut.")
    attribute_count: int = Field(
        10_000, ge=1, description="Most attributes of a span, scope or resource; the rest is left out."
    )
    request_items: int = Field(
        1_000_000,
        ge=1_000,
        description="Most spans, events, attributes and array elements of one request; more of them is refused.",
    )
    stall_s: float = Field(30.0, gt=0, description="Time a request's body may stop arriving.")
    waiting_bytes: int = Field(128 << 20, ge=1 << 20, description="Bytes that may wait for a commit.")
    commit_bytes: int = Field(32 << 20, ge=1 << 20, description="Bytes of requests in one commit, at most.")
    linger_ms: int = Field(20, ge=0, le=1_000, description="Time a commit waits for company.")
    settle_ms: int = Field(1_000, ge=0, le=60_000, description="Time between two settlings, at least.")
    wait_s: float = Field(10.0, gt=0, description="Time a request waits for a store that is down.")
    memory_bytes: int = Field(2 << 30, ge=512 << 20, description="Memory that the embedded engine may take.")

    @field_validator("allow_host", mode="before")
    @classmethod
    def _split_hosts(cls, given: object) -> object:
        return tuple(filter(None, map(str.strip, given.split(",")))) if isinstance(given, str) else given

    @field_validator("store")
    @classmethod
    def _check_store(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme == "chdb" and not parts.netloc and parts.path.startswith("/"):
            return url
        if parts.scheme in {"clickhouse", "clickhouses"} and parts.hostname and parts.path.strip("/"):
            return url
        raise ValueError("must be chdb:///absolute/path or clickhouse://host:8123/database")

    @property
    def embedded(self) -> bool:
        """Whether the store lives in this process."""
        return self.store.startswith("chdb:")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **arguments: Any) -> Self:
        """Settings from the ``arguments`` given, else ``GROUNDTRACE_<FIELD>``, else the default.

        Raises ConfigError that names the setting, its value and where the value came from.
        """
        values: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for name in cls.model_fields:
            variable = ENVIRONMENT_PREFIX + name.upper()
            if variable in environ:
                values[name], sources[name] = environ[variable], f"from {variable}"
        for name, value in arguments.items():
            values[name], sources[name] = value, f"from --{name.replace('_', '-')}"
        values.setdefault("store", f"chdb://{default_data_home(environ) / 'store'}")
        values.setdefault("data_dir", data_dir_of(str(values["store"]), default_data_home(environ)))
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "settings"
            source = f" ({sources[name]})" if name in sources else ""
            message = str(first["msg"]).removeprefix("Value error, ")
            raise ConfigError(f"{name}: {message}, got {first['input']!r}{source}") from error


def data_dir_of(store: str, data_home: Path) -> Path:
    """Where segments of ``store`` live: in the embedded store's folder, else in one named for the server."""
    parts = urlsplit(store)
    if parts.scheme == "chdb":
        return Path(parts.path)
    name = "-".join(filter(None, (parts.hostname, str(parts.port or 8123), parts.path.strip("/"))))
    return data_home / "servers" / name.replace("/", "-")
