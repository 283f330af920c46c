"""The runs that are going on: which span each has, and which run is around it."""

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from opentelemetry.context import Context, create_key, get_current
from opentelemetry.trace import INVALID_SPAN, Span, set_span_in_context

from groundtrace.attributes import Attributes, merge_attributes
from groundtrace.scope import COVER_KEY
from groundtrace.semconv import EMBEDDING_MODEL_NAME, LLM_MODEL_NAME, RERANKER_MODEL_NAME, TRUNCATED, SpanKind
from groundtrace.settings import TraceSettings
from groundtrace.steps.recognise import FoundDocuments
from groundtrace_integrations.calls import enrich

if TYPE_CHECKING:
    from groundtrace_integrations.langchain.scores import SeenScores
from groundtrace_integrations.shown import ShownDocuments

RUN_KEY: Final = create_key("groundtrace-langchain-run")
# OpenTelemetry has no public name for the key under which it keeps the current span.
_SPAN_KEY: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))

# What a client below these does is the same operation once more.
_COVERING: Final = frozenset({SpanKind.LLM, SpanKind.EMBEDDING, SpanKind.RERANKER, SpanKind.RETRIEVER})
_MODEL_KEYS: Final[Mapping[str, str]] = {
    SpanKind.LLM: LLM_MODEL_NAME,
    SpanKind.EMBEDDING: EMBEDDING_MODEL_NAME,
    SpanKind.RERANKER: RERANKER_MODEL_NAME,
}

MAX_OPEN_RUNS: Final = 4_096
"""Beyond this many, the oldest run is taken for one whose end will never be told."""


class Run:
    """One step that is going on: a LangChain run, or a call of an encoder, reranker or store."""

    # Most stay as they are: set here, they cost a run nothing. No slots, which have no such values.
    owned = True
    """False when its span is an outer run's."""
    plumbing = False
    metadata: Mapping[str, Any] = MappingProxyType({})
    instance: object = None
    prompt_version: str | None = None
    scores: "SeenScores | None" = None
    started_ns = 0
    first_token = False
    fallbacks: int | None = None
    """How many of a fallback's alternatives were tried; None where the run is none."""
    cancelled = False
    ended = False
    error: BaseException | None = None
    _context: Context | None = None

    def __init__(
        self, span: Span, kind: SpanKind, settings: TraceSettings, parent: "Run | None", base: Context
    ) -> None:
        """``parent`` is the run around it, ``base`` the context it began in."""
        self.span = span
        self.kind = kind
        self.settings = settings
        self.parent = parent
        self.base = base
        self.recording = span.is_recording()
        self.covering = kind in _COVERING
        self.attributes: Attributes = {}
        # All runs of a trace share it.
        self.shown: ShownDocuments = ShownDocuments() if parent is None else parent.shown

    def add(self, attributes: Attributes) -> None:
        """Keep more attributes for the span; they are set when it ends."""
        if TRUNCATED in attributes and TRUNCATED in self.attributes:
            self.attributes = merge_attributes(self.attributes, attributes)
        else:
            self.attributes.update(attributes)

    def context(self) -> Context:
        """Return the context to attach while this run's code runs."""
        if self._context is None:
            self._context = self.context_over(self.base)
        return self._context

    def context_over(self, base: Context) -> Context:
        """Return ``base`` with this run's span current."""
        context = Context(base)
        # The new context is nobody else's yet; through OpenTelemetry's functions each key would cost a copy.
        dict.__setitem__(context, _SPAN_KEY, self.span)
        dict.__setitem__(context, RUN_KEY, self)
        dict.__setitem__(context, COVER_KEY, self if self.covering else None)
        return context

    @property
    def model(self) -> str | None:
        """The model that it calls, where it is known."""
        name = self.attributes.get(_MODEL_KEYS.get(self.kind, ""))
        return name if isinstance(name, str) else None

    def enrich(self, attributes: Attributes) -> None:
        """Add what a layer below found out; counts add up, what is known already stays."""
        enrich(self.attributes, attributes)

    def take_found(self, found: FoundDocuments) -> None:
        """Keep what a store's own client found: documents, scores and what these are."""
        from groundtrace_integrations.langchain.scores import SeenScores

        self.scores = self.scores or SeenScores()
        self.scores.note_below(found)

    def close(self) -> bool:
        """Mark the run ended; False when it was already."""
        if self.ended:
            return False
        self.ended = True
        # The context points back here: without it no garbage collection is needed.
        self._context = None
        return True

    def within(self, kind: SpanKind) -> bool:
        """Whether this run or one around it is of ``kind``."""
        run: Run | None = self
        while run is not None:
            if run.kind is kind:
                return True
            run = run.parent
        return False


def current_run() -> Run | None:
    """Return the run whose code is running."""
    # The key is ours, and so is what is under it.
    return cast("Run | None", get_current().get(RUN_KEY))


class RunMap:
    """Open runs by LangChain's run id. Bounded, and safe from any thread."""

    def __init__(self, evict: Callable[[Run], None], limit: int = MAX_OPEN_RUNS) -> None:
        """``evict`` is told of each run that had to make room."""
        # By the id's number: a UUID's own hash is computed anew, in Python, at each look-up.
        self._runs: dict[int, Run] = {}
        self._lock = threading.Lock()
        self._evict = evict
        self._limit = limit

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, run_id: UUID | None) -> Run | None:
        """Return an open run."""
        return None if run_id is None else self._runs.get(run_id.int)

    def add(self, run_id: UUID, run: Run) -> None:
        """Remember a run until ``take``."""
        if len(self._runs) >= self._limit:
            with self._lock:
                evicted = self._runs.pop(next(iter(self._runs)))
            self._evict(evicted)
        self._runs[run_id.int] = run

    def take(self, run_id: UUID) -> Run | None:
        """Return a run and forget it."""
        return self._runs.pop(run_id.int, None)

    def forget(self, run: Run) -> None:
        """Forget a run whose id is not known."""
        with self._lock:
            for number, other in self._runs.items():
                if other is run:
                    del self._runs[number]
                    return

    def has_child(self, run: Run) -> bool:
        """Whether a run directly inside ``run`` is still open."""
        with self._lock:
            return any(other.parent is run for other in self._runs.values())

    def clear(self) -> list[Run]:
        """Forget every run and return them."""
        with self._lock:
            runs = list(self._runs.values())
            self._runs.clear()
        return runs
