"""What people say about an answer, sent beside the app."""

import atexit
import logging
from typing import Final

from opentelemetry import trace

from groundtrace.background import Background
from groundtrace.guard import guarded

logger = logging.getLogger(__name__)

_TIMEOUT_S: Final = 5.0
_EXIT_LIMIT_S: Final = 2.0
_background: Final = Background("feedback")


class _Outage:
    """Whether the last feedback was lost, so that an outage is logged once."""

    lasts = False


def current_trace_id() -> str | None:
    """Return the current trace's id, 32 hex digits, to give feedback on later; None outside a trace."""
    span_context = trace.get_current_span().get_span_context()
    return format(span_context.trace_id, "032x") if span_context.is_valid else None


@guarded("taking feedback")
def feedback(trace_id: str, name: str, value: float | str, comment: str | None = None) -> None:
    """Attach what a user or reviewer said to a trace; returns at once.

    ``name`` is free; reserved: ``thumbs`` (value -1 or 1), ``escalation``, ``manual_review``
    and ``failure_label``. A number is a value, a text a label. It is posted in the background to
    the collector of ``instrument()``, else ``GROUNDTRACE_URL``, and may arrive before its trace.
    """
    from groundtrace.instrumenting import delivery

    url, api_key = delivery()
    if _background.submit(lambda: _post(url, api_key, trace_id, name, value, comment)):
        atexit.unregister(_drain_at_exit)
        atexit.register(_drain_at_exit)


def _post(
    url: str | None, api_key: str | None, trace_id: str, name: str, value: float | str, comment: str | None
) -> None:
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    from groundtrace.client import Client
    from groundtrace.errors import GroundtraceError

    try:
        # Our own request is no step of the app.
        with suppress_instrumentation(), Client(url, api_key=api_key, timeout_s=_TIMEOUT_S) as client:
            client.feedback(trace_id, name, value, comment)
    except GroundtraceError as error:
        if not _Outage.lasts:
            logger.warning("feedback is lost: %s (logged once per outage)", error)
        _Outage.lasts = True
    else:
        _Outage.lasts = False


def drain_feedback(timeout_s: float) -> bool:
    """Wait until what was given is sent; False when it was lost or ``timeout_s`` passed."""
    return _background.drain(timeout_s) and not _Outage.lasts


def _drain_at_exit() -> None:
    if not _Outage.lasts:
        _background.drain(_EXIT_LIMIT_S)
