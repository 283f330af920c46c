"""The OTLP exporter's connections, with a spool behind them: requests' own adapters, swapped.

The exporter keeps its headers, certificates, timeouts and encoding; only where a request ends up is
decided here. Imported in the exporting thread alone: requests costs an app's start too much.
"""

import io
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from requests.adapters import HTTPAdapter

from groundtrace.resending import Outcome, Resender, Send
from groundtrace.spool import Batch

logger = logging.getLogger(__name__)

BuildExporter = Callable[[requests.Session | None], OTLPSpanExporter]

# As long as the exporting thread may wait for an answer: the queue behind it fills up. A collector that
# stores the batch yet knows it again.
_LONGEST_ATTEMPT_S: Final = 3.0
# What OTLP says to send again, and 408: the collector saw too little of the body.
_AGAIN: Final = frozenset({408, 429, 502, 503, 504})
_LONGEST_RETRY_AFTER_S: Final = 60.0


def spooling_exporter(build: BuildExporter, resender: Resender) -> OTLPSpanExporter:
    """Return an exporter whose undeliverable batches go to the spool, and count as exported."""
    return build(_session(_SpoolingAdapter(resender)))


def spool_sender(build: BuildExporter) -> Send:
    """Return what sends one batch of the spool, as it stands, through an exporter of its own."""
    adapter = _BatchAdapter()
    exporter = build(_session(adapter))

    def send(batch: Batch) -> Outcome:
        adapter.batch, adapter.outcome = batch, Outcome(result="retry", reason="the exporter sent nothing")
        exporter.export(())
        return adapter.outcome

    return send


def _session(adapter: HTTPAdapter) -> requests.Session:
    session = requests.Session()
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class _SpoolingAdapter(HTTPAdapter):
    def __init__(self, resender: Resender) -> None:
        super().__init__()
        self._resender = resender
        self._unwritable = False

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send, once; what the collector cannot take now is kept."""
        if self._resender.waiting and (kept := self._kept(request, None)) is not None:
            return kept
        timeout = kwargs.get("timeout")
        if isinstance(timeout, int | float):
            kwargs["timeout"] = min(timeout, _LONGEST_ATTEMPT_S)
        try:
            response = super().send(request, *args, **kwargs)
        except requests.RequestException as error:
            kept = self._kept(request, str(error))
            if kept is None:
                raise
            return kept
        if response.status_code not in _AGAIN:
            return response
        return self._kept(request, f"HTTP {response.status_code}") or response

    def _kept(self, request: requests.PreparedRequest, outage: str | None) -> requests.Response | None:
        body = request.body
        if not isinstance(body, bytes):
            return None
        try:
            encoding = request.headers.get("Content-Encoding")
            self._resender.keep(body, None if encoding is None else str(encoding), outage)
        except OSError as error:
            if not self._unwritable:
                self._unwritable = True
                logger.warning("the spool cannot be written (%s); undeliverable spans are lost", error)
            return None
        self._unwritable = False
        return _accepted(request)


class _BatchAdapter(HTTPAdapter):
    """Sends ``batch`` in place of what it is given and leaves what came of it in ``outcome``."""

    batch: Batch
    outcome: Outcome

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send the batch; to the exporter all is well, so that it does not try again by itself."""
        request.body = self.batch.body
        request.headers["Content-Length"] = str(len(self.batch.body))
        request.headers.pop("Content-Encoding", None)
        if self.batch.encoding is not None:
            request.headers["Content-Encoding"] = self.batch.encoding
        try:
            with super().send(request, *args, **kwargs) as response:
                self.outcome = _outcome(int(response.status_code or 0), response.headers)
        except requests.RequestException as error:
            self.outcome = Outcome(result="retry", reason=str(error))
        return _accepted(request)


def _outcome(status: int, headers: Mapping[str, str]) -> Outcome:
    if status < 400:
        return Outcome(result="delivered")
    if status in _AGAIN:
        wait = headers.get("Retry-After", "")
        after_s = float(wait) if wait.isdigit() else 0.0
        return Outcome(
            result="retry", reason=f"HTTP {status}", retry_after_s=min(after_s, _LONGEST_RETRY_AFTER_S)
        )
    return Outcome(result="refused", reason=f"HTTP {status}")


def _accepted(request: requests.PreparedRequest) -> requests.Response:
    response = requests.Response()
    response.status_code = 200
    response.reason = "OK"
    response.request = request
    response.url = request.url or ""
    response.raw = io.BytesIO()
    return response
