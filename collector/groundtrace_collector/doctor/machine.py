"""The machine: Python, installed extras, ports, disk."""

from __future__ import annotations

import shutil
import socket
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.doctor.finding import Finding, fail, ok, warn
from groundtrace_collector.ports import holder_of

OLDEST_PYTHON: Final = (3, 11)
WARN_BYTES: Final = 2 << 30
FAIL_BYTES: Final = 200 << 20
_WANTED: Final = {"embedded": "an embedded store needs it", "grpc": "without it OTLP comes over HTTP only"}


def check_python(running: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Whether this Python is one that groundtrace runs on."""
    name = ".".join(map(str, running))
    if running < OLDEST_PYTHON:
        return fail("python", f"this is Python {name}", "install Python 3.11 or newer")
    return ok("python", f"Python {name}, groundtrace {version('groundtrace')}")


def check_extras(*, embedded: bool) -> list[Finding]:
    """Whether what the store and the senders need is installed."""
    findings = []
    for extra, why in _WANTED.items():
        missing = missing_of(extra)
        name = f"extra {extra}"
        if not missing:
            findings.append(ok(name, "installed"))
            continue
        found = fail if extra == "embedded" and embedded else warn
        findings.append(
            found(name, f"{', '.join(missing)} is missing: {why}", f"pip install 'groundtrace[{extra}]'")
        )
    return findings


def missing_of(extra: str) -> list[str]:
    """The distributions of an extra that are not installed, or not in a version that will do."""
    missing = []
    for text in requires("groundtrace") or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}) or not marker.evaluate({"extra": extra}):
            continue
        try:
            fits = requirement.specifier.contains(version(requirement.name), prereleases=True)
        except PackageNotFoundError:
            fits = False
        if not fits:
            missing.append(f"{requirement.name}{requirement.specifier}")
    return missing


def check_ports(config: CollectorConfig, owner_pid: int | None) -> list[Finding]:
    """Whether the ports are free, or held by the collector on this store."""
    ports = [("port", config.port), ("grpc port", config.grpc_port)]
    return [
        _check_port(name, config.host, port, owner_pid) for name, port in ports if port is not None and port
    ]


def _check_port(name: str, host: str, port: int, owner_pid: int | None) -> Finding:
    if not _is_taken(host, port):
        return ok(name, f"{port} is free")
    holder = holder_of(port)
    if owner_pid is not None and (holder or "").startswith(f"pid {owner_pid} "):
        return ok(name, f"{port} is held by the collector on this store ({holder})")
    option = f"--{name.replace(' ', '-')}"
    return warn(
        name,
        f"{port} is taken by {holder or 'another process'}",
        f"stop it, or give `groundtrace serve` another {option}",
    )


def _is_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return True
    return False


def check_disk(folder: Path) -> Finding:
    """Whether there is room where the store and the segments are, or will be."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    message = f"{free / (1 << 30):.1f} GiB are free at {there}"
    if free < FAIL_BYTES:
        return fail("disk", message, "make room: spans are refused when none is left")
    if free < WARN_BYTES:
        return warn("disk", message, "make room, or keep less with GROUNDTRACE_RETENTION_DAYS")
    return ok("disk", message)
