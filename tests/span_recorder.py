"""Spans of the real OpenTelemetry SDK, as tests want to read them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode


@dataclass(frozen=True)
class RecordedSpan:
    """One ended span."""

    span: ReadableSpan

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def attributes(self) -> Mapping[str, Any]:
        return self.span.attributes or {}

    @property
    def kind(self) -> str | None:
        """The OpenInference kind, ``RETRIEVER`` and so on."""
        return self.attributes.get("openinference.span.kind")

    @property
    def status(self) -> StatusCode:
        return self.span.status.status_code

    @property
    def trace_id(self) -> int:
        assert self.span.context is not None
        return int(self.span.context.trace_id)

    @property
    def span_id(self) -> int:
        assert self.span.context is not None
        return int(self.span.context.span_id)

    @property
    def parent_id(self) -> int | None:
        return self.span.parent.span_id if self.span.parent else None

    @property
    def event_names(self) -> list[str]:
        return [event.name for event in self.span.events]

    @property
    def metadata(self) -> Any:
        return json.loads(self.attributes["metadata"])

    @property
    def document_ids(self) -> list[str | None]:
        """Ids of ``retrieval.documents``, best first."""
        return self.documents("retrieval.documents", "id")

    @property
    def document_scores(self) -> list[float | None]:
        return self.documents("retrieval.documents", "score")

    def documents(self, prefix: str, part: str) -> list[Any]:
        """One part (``id``, ``score``, ``content``, ``metadata``) of each document under ``prefix``."""
        ranks = sorted(
            {
                int(key[len(prefix) + 1 :].split(".")[0])
                for key in self.attributes
                if key.startswith(prefix + ".")
            }
        )
        return [self.attributes.get(f"{prefix}.{rank}.document.{part}") for rank in ranks]


@dataclass
class SpanRecorder:
    """Collects ended spans; ``provider`` is the process's TracerProvider."""

    provider: TracerProvider
    ended: list[ReadableSpan] = field(default_factory=list)

    def all(self) -> list[RecordedSpan]:
        """Every ended span, in the order of their start."""
        return [RecordedSpan(span) for span in sorted(self.ended, key=lambda span: span.start_time or 0)]

    def one(self) -> RecordedSpan:
        """The only span; fails when there is none or more than one."""
        spans = self.all()
        assert len(spans) == 1, f"expected one span, got {[span.name for span in spans]}"
        return spans[0]

    def named(self, name: str) -> RecordedSpan:
        """The only span of that name."""
        spans = [span for span in self.all() if span.name == name]
        assert len(spans) == 1, f"expected one span {name!r}, got {[span.name for span in self.all()]}"
        return spans[0]

    def of_kind(self, kind: str) -> list[RecordedSpan]:
        return [span for span in self.all() if span.kind == kind]

    def roots(self) -> list[RecordedSpan]:
        return [span for span in self.all() if span.parent_id is None]

    def children_of(self, parent: RecordedSpan) -> list[RecordedSpan]:
        return [span for span in self.all() if span.parent_id == parent.span_id]

    def trace_ids(self) -> set[int]:
        return {span.trace_id for span in self.all()}

    def clear(self) -> None:
        self.ended.clear()


class _Switch(SpanProcessor):
    """Hands ended spans to the recorder of the running test."""

    def __init__(self) -> None:
        self.recorder: SpanRecorder | None = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        if self.recorder is not None:
            self.recorder.ended.append(span)


_switch = _Switch()
_provider: TracerProvider | None = None


def _process_provider() -> TracerProvider:
    # OpenTelemetry lets a process set its provider once, so all tests share one.
    global _provider  # noqa: PLW0603
    if _provider is None:
        _provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=4_096), shutdown_on_exit=False)
        _provider.add_span_processor(_switch)
        trace.set_tracer_provider(_provider)
    return _provider


@contextmanager
def recording() -> Iterator[SpanRecorder]:
    """Record the spans that end inside the block."""
    recorder = SpanRecorder(_process_provider())
    _switch.recorder = recorder
    try:
        yield recorder
    finally:
        _switch.recorder = None
