"""Ports: taking one, and saying who has it when it is taken."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from groundtrace_collector.errors import ConfigError

_LISTEN = "0A"
_BACKLOG = 2_048


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host:port``; port 0 takes a free one.

    Raises ConfigError that names the holder of a taken port, where it can be known.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
        server.listen(_BACKLOG)
    except OSError as error:
        server.close()
        if error.errno == errno.EADDRINUSE:
            holder = holder_of(port)
            who = f" by {holder}" if holder else ""
            raise ConfigError(f"port {port} is taken{who}: stop it, or choose another with --port") from error
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    except OverflowError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error}") from error
    return server


def holder_of(port: int) -> str | None:
    """The process that listens on a port, as `pid 12 (name)`; None where /proc does not tell."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(_held(entry) in inodes for entry in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f"pid {process.name} ({name})"
        except OSError:  # gone, or another user's
            continue
    return None


def _held(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # closed meanwhile
        return ""


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
