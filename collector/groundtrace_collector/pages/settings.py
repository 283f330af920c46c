"""The settings page: what this collector runs with, and how to send to it. Nothing can be changed here."""

import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar
from urllib.parse import urlsplit

from groundtrace_collector.collector import Collector
from groundtrace_collector.pages import formats
from groundtrace_collector.pages.page import Page
from groundtrace_collector.pages.text import one_line
from groundtrace_collector.store.sql import statement


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


async def settings_page(collector: Collector, endpoint: str, project: str | None) -> SettingsPage:
    """The page for a reader who reached this server as ``endpoint`` and is bound to ``project``."""
    config = collector.config
    (row,) = await collector.store.query(statement(__package__, "store_facts"))
    host = urlsplit(endpoint).hostname
    return SettingsPage(
        title="Settings",
        endpoint=endpoint,
        grpc_endpoint=f"{host}:{config.grpc_port}" if config.grpc_port is not None else "",
        facts=(
            ("groundtrace", version("groundtrace")),
            *_of_all_projects(collector, int(row["Spans"]), project),
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


def without_password(url: str) -> str:
    """The address of a store without what opens it.

    >>> without_password("clickhouse://me:secret@host:8123/db")
    'clickhouse://me:…@host:8123/db'
    """
    hidden = re.sub(r"(?<=//)([^:/@]*):[^/]*@", r"\1:…@", url)
    return re.sub(r"(?i)(\bpassword=)[^&]*", r"\1…", hidden)


def _shown(name: str, value: float) -> str:
    if not name.endswith("_bytes"):
        return f"{value:g} {'ms' if name.endswith('_ms') else 's'}"
    for size, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} B"
