"""The exporter to the collector, put together: OpenTelemetry's own, and the spool behind it where one is set."""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from groundtrace.exporting import CollectorExporter

if TYPE_CHECKING:
    import requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from groundtrace.resending import Resender, Send
    from groundtrace.spool import SpoolSettings
    from groundtrace.spooling import BuildExporter

_HEADER_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")


def collector_exporter(url: str, api_key: str | None, spool: "SpoolSettings | None") -> CollectorExporter:
    """Return what sends spans to ``url``; with ``spool``, what cannot be delivered waits on disk."""

    def build(session: "requests.Session | None") -> "OTLPSpanExporter":
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        # Headers, timeout, certificates and a compression that is set come from OTEL_EXPORTER_OTLP_*.
        return OTLPSpanExporter(
            endpoint=url,
            headers={"authorization": f"Bearer {api_key}"} if api_key else None,
            compression=None if _compression_is_set(os.environ) else Compression.Gzip,
            session=session,
        )

    if spool is None:
        return CollectorExporter(url, lambda _: build(None))
    return _spooling_exporter(url, api_key, spool, build)


def _spooling_exporter(
    url: str, api_key: str | None, settings: "SpoolSettings", build: "BuildExporter"
) -> CollectorExporter:
    from groundtrace.resending import Resender
    from groundtrace.spool import Spool

    # Spans for one project's key must not be sent with another's.
    recipient = json.dumps([url, api_key, *(os.environ.get(key) for key in _HEADER_VARIABLES)])

    def sender() -> "Send":
        from groundtrace.spooling import spool_sender

        return spool_sender(build)

    def spooling(resender: "Resender | None") -> "SpanExporter":
        from groundtrace.spooling import spooling_exporter

        return build(None) if resender is None else spooling_exporter(build, resender)

    exporter = CollectorExporter(url, spooling, lambda: Resender(Spool(settings, recipient), sender, url))
    exporter.resume()
    return exporter


def _compression_is_set(environ: Mapping[str, str]) -> bool:
    return bool(
        environ.get("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION") or environ.get("OTEL_EXPORTER_OTLP_COMPRESSION")
    )
