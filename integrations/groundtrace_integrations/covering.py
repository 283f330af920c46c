"""One operation, one span: what a framework traces already, the client below it does not trace again.

Whoever opens a span for a model's or encoder's call puts a ``Cover`` into the context of the code
inside. A client that finds one adds what it alone knows and opens no span of its own.
"""

from typing import Final, Protocol

from opentelemetry.context import create_key, get_current

from groundtrace.attributes import Attributes
from groundtrace.semconv import SpanKind

COVER_KEY: Final = create_key("groundtrace-covered-by")


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


def cover_of(kind: SpanKind, model: str | None) -> Cover | None:
    """Return the operation around the running code that this call is a part of; None when it is its own.

    A call of another model than the one around it is an operation of its own: a chat model that
    asks another model first, a router.
    """
    found = get_current().get(COVER_KEY)
    if found is None:
        return None
    cover: Cover = found  # type: ignore[assignment] # the key is ours, and so is what is under it
    if cover.kind is not kind:
        return None
    if cover.model is None or model is None or cover.model == model:
        return cover
    return None
