"""One operation, one span: what a framework traces already, the client below it does not trace again.

Whoever opens a span for a model's, encoder's or retriever's call puts a ``Cover`` into the context of
the code inside. A client that finds one adds what it alone knows and opens no span of its own.
"""

from typing import Protocol, cast, runtime_checkable

from opentelemetry.context import get_current

from groundtrace.attributes import Attributes
from groundtrace.scope import COVER_KEY
from groundtrace.semconv import SpanKind
from groundtrace.steps.recognise import FoundDocuments


class Cover(Protocol):
    """An operation that is going on, and that has its span."""

    @property
    def kind(self) -> SpanKind:
        """What the operation does."""

    @property
    def model(self) -> str | None:
        """The model that it calls, where it is known."""

    def enrich(self, attributes: Attributes) -> None:
        """Add what a layer below found out; counts add up, what the span has already stays."""


@runtime_checkable
class SearchCover(Cover, Protocol):
    """A cover that wants to know what a vector store below it found: a retriever, a cache's lookup."""

    def take_found(self, found: FoundDocuments) -> None:
        """Take a search's documents, best first."""


def current_cover() -> Cover | None:
    """Return the operation that the running code is a part of."""
    # The key is ours, and so is what is under it.
    return cast("Cover | None", get_current().get(COVER_KEY))


def cover_of(kind: SpanKind, model: str | None) -> Cover | None:
    """Return the operation around the running code that this call is a part of; None when it is its own.

    A call of another model than the one around it is an operation of its own: a chat model that
    asks another model first, a router.
    """
    cover = current_cover()
    if cover is None or cover.kind is not kind:
        return None
    if cover.model is None or model is None or cover.model == model:
        return cover
    return None
