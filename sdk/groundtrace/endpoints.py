"""Where the collector is: arguments over environment over default. Pure."""

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from groundtrace.errors import ConfigError

DEFAULT_URL: Final = "http://127.0.0.1:4318"
TRACES_PATH: Final = "/v1/traces"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def traces_endpoint(endpoint: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the full URL that spans are posted to.

    ``endpoint`` is a collector's base URL (``/v1/traces`` is added) or already ends in it. Without
    it: ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` as it stands, ``OTEL_EXPORTER_OTLP_ENDPOINT`` or
    ``GROUNDTRACE_URL`` with the path added, else this machine's port 4318.
    Raises ConfigError when it is no http(s) URL.
    """
    if endpoint is None and environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        key = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        return _checked(environ[key], key)
    base = _base(endpoint, environ)
    return base if base.endswith(TRACES_PATH) else base + TRACES_PATH


def _base(endpoint: str | None, environ: Mapping[str, str]) -> str:
    if endpoint is not None:
        return _checked(endpoint, "endpoint").rstrip("/")
    for key in ("OTEL_EXPORTER_OTLP_ENDPOINT", "GROUNDTRACE_URL"):
        if environ.get(key):
            return _checked(environ[key], key).rstrip("/")
    return DEFAULT_URL


def collector_url(url: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the base URL of the collector's API: ``url``, else ``GROUNDTRACE_URL``, else the default."""
    if url is not None:
        return _checked(url, "url").rstrip("/")
    if environ.get("GROUNDTRACE_URL"):
        return _checked(environ["GROUNDTRACE_URL"], "GROUNDTRACE_URL").rstrip("/")
    return DEFAULT_URL


def checked_key(api_key: str | None) -> str | None:
    """Return the API key without the space and line ends that files leave around it; None for none.

    Raises ConfigError, which does not repeat the key, where no HTTP header can carry it.

    >>> checked_key("gt_1_2\\n"), checked_key(" ")
    ('gt_1_2', None)
    """
    key = (api_key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("the API key (GROUNDTRACE_API_KEY) has characters that no key has: copy it again")
    return key or None


def api_base(traces_url: str) -> str:
    """Return the API's base URL beside a traces endpoint.

    >>> api_base("http://127.0.0.1:4318/v1/traces")
    'http://127.0.0.1:4318'
    """
    return traces_url.removesuffix(TRACES_PATH)


def is_loopback(url: str) -> bool:
    """Whether ``url`` names this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def _checked(url: str, source: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"{source} must be an http:// or https:// URL, got {url!r}")
    return url.strip()
