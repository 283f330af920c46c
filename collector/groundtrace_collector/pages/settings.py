"""The settings page: what this collector runs with, and how to send to it. Nothing can be changed here."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import ClassVar
from urllib.parse import urlsplit

from groundtrace_collector.access.caller import Caller
from groundtrace_collector.access.key import Role
from groundtrace_collector.api.keys import shown
from groundtrace_collector.collector import Collector
from groundtrace_collector.pages import formats
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.text import one_line
from groundtrace_collector.store.address import without_password
from groundtrace_collector.store.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """An API key, without anything that opens."""

    prefix: str
    name: str
    reach: str
    created: formats.Moment | None
    used: formats.Moment | None
    revoked: formats.Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPage(Page):
    """The settings, and where data goes."""

    template: ClassVar[str] = "settings.html"
    section: ClassVar[str] = "settings"
    endpoint: str
    grpc_endpoint: str
    facts: tuple[tuple[str, str], ...]
    limits: tuple[tuple[str, str, str], ...]
    """Setting, value and what it means."""
    keys: tuple[KeyRow, ...] | None
    """None for a reader who may not see them."""


async def settings_page(collector: Collector, endpoint: str, caller: Caller) -> SettingsPage:
    """The page for a reader who reached this server as ``endpoint``."""
    config = collector.config
    (row,) = await collector.store.query(statement(__package__, "store_facts"))
    host = urlsplit(endpoint).hostname
    return SettingsPage(
        title="Settings",
        endpoint=endpoint,
        grpc_endpoint=f"{host}:{config.grpc_port}" if config.grpc_port is not None else "",
        facts=(
            ("groundtrace", version("groundtrace")),
            *_of_all_projects(collector, int(row["Spans"]), caller.project),
            ("Engine", f"ClickHouse {row['Engine']}{' (chDB, embedded)' if config.embedded else ''}"),
            ("Schema", f"{row['Schema']}"),
            ("Retention", f"{config.retention_days} days"),
            ("Worker", "started with this server" if config.worker else "not started here (--no-worker)"),
        ),
        limits=tuple(
            (name, _shown(name, getattr(config, name)), str(type(config).model_fields[name].description))
            for name in (
                "body_bytes",
                "inflated_bytes",
                "attribute_bytes",
                "waiting_bytes",
                "commit_bytes",
                "memory_bytes",
                "linger_ms",
                "wait_s",
            )
        ),
        keys=await _keys(collector, caller),
    )


async def _keys(collector: Collector, caller: Caller) -> tuple[KeyRow, ...] | None:
    if caller.role is not Role.ADMIN or caller.project is not None:
        return None
    now = datetime.now(UTC)
    return tuple(
        KeyRow(
            prefix=key["prefix"],
            name=one_line(key["name"], 60),
            reach=f"{key['role']}, {one_line(key['project'], 64) if key['project'] else 'every project'}",
            created=formats.moment(key["created_at"], now),
            used=formats.moment(key["last_used_at"], now),
            revoked=formats.moment(key["revoked_at"], now),
        )
        for key in map(shown, await collector.keys.keys())
    )


def _of_all_projects(collector: Collector, spans: int, project: str | None) -> tuple[tuple[str, str], ...]:
    """What concerns every project, so not a reader who is bound to one."""
    if project is not None:
        return (("Project", one_line(project, 80)),)
    return (
        ("Store", without_password(collector.store.url)),
        ("Data folder", str(collector.config.data_dir)),
        ("Spans kept", formats.number(spans)),
    )


def _shown(name: str, value: float) -> str:
    if not name.endswith("_bytes"):
        return f"{value:g} {'ms' if name.endswith('_ms') else 's'}"
    for size, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} B"
