"""What every test has: a clean environment, no network beyond the loopback, spans recorded."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from groundtrace.settings import use_settings
from tests.span_recorder import SpanRecorder, recording

# Prefixes of variables that change what is traced, where it goes or what a library does by itself.
_FOREIGN = (
    "OTEL_",
    "OPENINFERENCE_",
    "GROUNDTRACE_",
    "LANGSMITH_",
    "LANGCHAIN_",
    "TRACELOOP_",
    "OPENAI_",
    "ANTHROPIC_",
)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def _is_foreign(name: str) -> bool:
    return name.startswith(_FOREIGN) or name.lower() in _PROXIES


# Once before anything is imported by the tests, since libraries read these at import, too.
for _name in [name for name in os.environ if _is_foreign(name)]:
    del os.environ[_name]
os.environ["GROUNDTRACE_RAISE_FAULTS"] = "1"

# Each run draws other examples, so many short runs search as far as few long ones; a deadline is the machine's.
hypothesis.settings.register_profile("suite", max_examples=40, deadline=None)
hypothesis.settings.load_profile("suite")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if _is_foreign(name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GROUNDTRACE_RAISE_FAULTS", "1")
    use_settings(None)  # a test that sets a variable finds it read again


def _is_loopback(address: Any) -> bool:
    if not isinstance(address, tuple):  # AF_UNIX
        return True
    host = str(address[0])
    return host in {"localhost", "::1", "0.0.0.0", "::", ""} or host.startswith("127.")  # noqa: S104


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections of this process to other machines."""
    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse(address: Any) -> None:
        if not _is_loopback(address):
            raise OSError(f"tests reach the loopback only, not {address!r}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        refuse(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        refuse(address)
        return connect_ex(self, address)

    def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        refuse((name or "", 0))
        return lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)


@pytest.fixture
def spans() -> Iterator[SpanRecorder]:
    """Record every span that ends during the test, from the real OpenTelemetry SDK."""
    with recording() as recorder:
        yield recorder
