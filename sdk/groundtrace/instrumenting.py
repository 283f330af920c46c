"""The one line: ``groundtrace.instrument()``."""

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from groundtrace import guard, semconv
from groundtrace.endpoints import api_base, checked_key, collector_url, traces_endpoint
from groundtrace.settings import (
    Content,
    Redact,
    TraceSettings,
    attribute_limit,
    parse_content,
    redactors_of,
    settings_from_env,
    stricter,
    use_settings,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

    from groundtrace.exporting import CollectorExporter
    from groundtrace.pipeline import Pipeline
    from groundtrace.spool import SpoolSettings

logger = logging.getLogger(__name__)

# The SDK's 128 would lose the best of a hundred documents; OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT overrides.
RAISED_ATTRIBUTE_LIMIT: Final = 1_024
_UNLIMITED: Final = 4_096
_EXIT_LIMIT_S: Final = 5.0
# Room for what an app makes while one batch waits for an answer that does not come; without a spool
# the SDK's 2,048 hold.
_SPOOLING_QUEUE: Final = 8_192
_OTLP_NAMES: Final = frozenset({"otlp", "otlp_proto_http"})


@dataclass(kw_only=True)
class _State:
    """What ``instrument()`` has set up in this process."""

    on: bool = False
    provider: "TracerProvider | None" = None
    ours: bool = False  # we created the provider
    project: str | None = None  # on the resource of the provider that we created
    pipeline: "Pipeline | None" = None
    exporter: "CollectorExporter | None" = None
    watches_workers: bool = False
    integrations: list[Any] = field(default_factory=list)
    api_url: str | None = None
    api_key: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_state: Final = _State()


def instrument(
    endpoint: str | None = None,
    *,
    project: str | None = None,
    api_key: str | None = None,
    only: Sequence[str] | None = None,
    skip: Sequence[str] | None = None,
    content: Content = "full",
    redact: Redact | None = None,
) -> None:
    """Trace every encoder, retriever, reranker and model call of the libraries in use.

    ``endpoint`` is the collector's base URL; default ``OTEL_EXPORTER_OTLP_ENDPOINT``, else this
    machine's port 4318. ``project`` and ``api_key`` default to ``GROUNDTRACE_PROJECT`` and
    ``GROUNDTRACE_API_KEY``. ``only`` and ``skip`` name integrations (``"langchain"``).
    ``content``: ``full``, ``ids`` (no texts) or ``none`` (no ids either); the stricter of this and
    the environment holds. ``redact`` maps each text before it goes on a span: functions, or
    ``"patterns"`` for e-mail addresses, telephone, card and account numbers, IP addresses and keys
    (default: ``GROUNDTRACE_REDACT``).

    An app's own TracerProvider gets a processor and keeps all it has: set it before. A second call
    changes nothing. Honours the ``OTEL_*`` variables. Raises ConfigError for a wrong argument;
    everything else that fails is logged, and the app goes on.
    """
    with _state.lock:
        if _state.on:
            logger.debug("instrument() was called before; nothing changes")
            return
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            logger.info("OTEL_SDK_DISABLED is set: nothing is traced")
            return
        settings = _settings(content, redact)
        url = traces_endpoint(endpoint)
        names = _integration_names(only, skip)
        spool = _spool()
        key = checked_key(api_key or os.environ.get("GROUNDTRACE_API_KEY"))
        with guard.guarded("setting up tracing"):
            _state.api_url = _api_url(endpoint, url)
            _set_up(url, project, key, settings, names, spool)


def _api_url(endpoint: str | None, traces_url: str) -> str:
    # Spans may go by way of another OpenTelemetry collector; the API's address is then its own.
    return (
        collector_url(None)
        if endpoint is None and os.environ.get("GROUNDTRACE_URL")
        else api_base(traces_url)
    )


def _settings(content: Content, redact: Redact | None) -> TraceSettings:
    parse_content(content, "instrument(content=…)")
    found = settings_from_env()
    redactors = found.redact if redact is None else redactors_of(redact, "instrument(redact=…)")
    return replace(found, content=stricter(content, found.content), redact=redactors)


def _integration_names(only: Sequence[str] | None, skip: Sequence[str] | None) -> list[str]:
    from groundtrace.integrations import chosen, foreign_integrations, known_integrations

    disabled = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    foreign = foreign_integrations() if disabled else ()
    return chosen(known_integrations(), only=only, skip=skip, disabled=disabled, foreign=foreign)


def _spool() -> "SpoolSettings | None":
    if not os.environ.get("GROUNDTRACE_SPOOL"):
        return None
    from groundtrace.spool import spool_settings

    return spool_settings()


def _set_up(
    url: str,
    project: str | None,
    api_key: str | None,
    settings: TraceSettings,
    names: Sequence[str],
    spool: "SpoolSettings | None",
) -> None:
    from groundtrace import integrations

    project = project or os.environ.get("GROUNDTRACE_PROJECT") or None
    _state.api_key = api_key
    provider = _provider(project)
    if provider is not None:
        use_settings(replace(settings, max_attributes=_attribute_limit_of(provider)))
        stamps = {semconv.PROJECT_NAME: project} if project and project != _state.project else {}
        _pipeline_on(provider).switch_on(_targets(url, _state.api_key, spool), stamps)
    else:
        use_settings(settings)
    _state.integrations = integrations.switch_on(
        names, integrations.known_integrations(), provider or trace.get_tracer_provider()
    )
    _state.on = True
    _finish_at_exit()
    logger.info(
        "tracing to %s; instrumented: %s",
        url,
        ", ".join(type(active).__name__ for active in _state.integrations) or "no library",
    )


def _provider(project: str | None) -> "TracerProvider | None":
    """Return the app's provider, else a new one; None when the app's cannot be extended."""
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider

    current = trace.get_tracer_provider()
    if hasattr(current, "add_span_processor"):
        return current  # type: ignore[return-value]
    if not isinstance(current, trace.ProxyTracerProvider):
        logger.warning(
            "the app's %s takes no span processor: its spans go where it sends them, not to groundtrace",
            type(current).__name__,
        )
        return None
    from opentelemetry.sdk.resources import Resource

    limit = attribute_limit(os.environ, RAISED_ATTRIBUTE_LIMIT)
    provider = TracerProvider(
        resource=Resource.create({semconv.PROJECT_NAME: project} if project else {}),
        span_limits=SpanLimits(max_span_attributes=limit),
        shutdown_on_exit=False,  # _finish does it, with a time limit
    )
    trace.set_tracer_provider(provider)
    _state.provider, _state.ours, _state.project = provider, True, project
    return provider


def _attribute_limit_of(provider: "TracerProvider") -> int:
    # The SDK gives no public way to ask; without an answer its default is the safe guess.
    limits = getattr(provider, "_span_limits", None)
    limit = getattr(limits, "max_span_attributes", attribute_limit(os.environ))
    return _UNLIMITED if limit is None else int(limit)


def _pipeline_on(provider: "TracerProvider") -> "Pipeline":
    from groundtrace.pipeline import Pipeline

    if _state.pipeline is None or _state.provider is not provider:
        _state.pipeline, _state.provider = Pipeline(), provider
        provider.add_span_processor(_state.pipeline)
    return _state.pipeline


def _targets(url: str, api_key: str | None, spool: "SpoolSettings | None") -> "tuple[SpanProcessor, ...]":
    """One processor for each exporter that ``OTEL_TRACES_EXPORTER`` names; OTLP by default."""
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    names = [name.strip() for name in (os.environ.get("OTEL_TRACES_EXPORTER") or "otlp").split(",")]
    targets: list[SpanProcessor] = []
    for name in names:
        if name in _OTLP_NAMES:
            from groundtrace.exporting import SpanQueue
            from groundtrace.otlp import collector_exporter

            _state.exporter = collector_exporter(url, api_key, spool)
            queue = _SPOOLING_QUEUE if spool and not os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") else None
            targets.append(SpanQueue(_state.exporter, max_queue_size=queue))
        elif name and name != "none" and (exporter := _named_exporter(name)) is not None:
            targets.append(BatchSpanProcessor(exporter))
    return tuple(targets)


def _named_exporter(name: str) -> "SpanExporter | None":
    from importlib.metadata import entry_points

    for entry in entry_points(group="opentelemetry_traces_exporter", name=name):
        exporter: SpanExporter = entry.load()()
        return exporter
    logger.warning("OTEL_TRACES_EXPORTER names an exporter that is not installed: %r", name)
    return None


def uninstrument() -> None:
    """Undo ``instrument()``: send what waits, restore the libraries, leave the app's provider as it was."""
    from groundtrace import integrations

    with _state.lock:
        if not _state.on:
            return
        with guard.guarded("ending tracing"):
            integrations.switch_off(_state.integrations)
            _close()
        _state.integrations = []
        _state.on = False
        _state.api_url = _state.api_key = None  # feedback finds its collector in the environment again
        use_settings(None)
        atexit.unregister(_finish)


def flush(timeout_s: float = 30.0) -> bool:
    """Send the spans and feedback that wait; False when that failed or ``timeout_s`` passed."""
    from groundtrace.feedback import drain_feedback

    done = drain_feedback(timeout_s)
    if _state.pipeline is None:
        return done
    exporter = _state.exporter
    if exporter is not None and not exporter.spools and not exporter.reachable:
        return False  # what waits stays queued
    deadline = time.monotonic() + timeout_s
    # The SDK's force_flush takes no heed of a time limit, so it is waited for from outside.
    waiter = threading.Thread(target=_state.pipeline.force_flush, name="groundtrace-flush", daemon=True)
    waiter.start()
    waiter.join(timeout_s)
    if waiter.is_alive():
        return False
    return done and (exporter is None or exporter.drain(max(deadline - time.monotonic(), 0.0)))


def delivery() -> tuple[str | None, str | None]:
    """Return the API's base URL and the key that ``instrument()`` was given, for feedback to follow."""
    return _state.api_url, _state.api_key


def _finish_at_exit() -> None:
    from multiprocessing import util

    if not _state.watches_workers:
        # The first finalizer of a process registers their exit hook, and urllib3 closes its
        # connections by finalizers: ours must be registered later, to run before it.
        weakref.finalize(_state, lambda: None)
        # A worker process of multiprocessing ends without atexit, but runs its finalizers.
        util.register_after_fork(_state, lambda _: util.Finalize(None, _finish, exitpriority=0))
        _state.watches_workers = True
    atexit.unregister(_finish)
    atexit.register(_finish)


def _finish() -> None:
    with guard.guarded("the last flush"):
        _close()


def _close() -> None:
    """Send what waits, within a time limit that an app's exit can bear."""
    pipeline, exporter = _state.pipeline, _state.exporter
    if pipeline is None:
        return
    timer: threading.Timer | None = None
    if exporter is not None:
        if exporter.hopeless:
            exporter.abandon("nothing answers there")
        else:
            timer = _abandon_later(exporter)
    pipeline.switch_off()
    if timer is not None:
        timer.cancel()
    _state.exporter = None


def _abandon_later(exporter: "CollectorExporter") -> threading.Timer | None:
    timer = threading.Timer(_EXIT_LIMIT_S, exporter.abandon, ["it took too long at exit"])
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:  # too late in the interpreter's life for a new thread
        return None
    return timer
