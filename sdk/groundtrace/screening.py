"""The last look at a span before it leaves: what nobody redacted yet, where redaction is asked for.

Our own spans' attributes were redacted when they were made. Left over are what exceptions say, and
everything on the spans of other instrumentors.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from groundtrace.settings import TraceSettings
from groundtrace.text import redacted

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan

_OWN_SCOPE: Final = "groundtrace"


def screened(span: "ReadableSpan", settings: TraceSettings) -> "ReadableSpan":
    """Return ``span``, or a copy whose texts are redacted, where it may hold some that are not."""
    if not settings.redact:
        return span
    own = span.instrumentation_scope is not None and span.instrumentation_scope.name.startswith(_OWN_SCOPE)
    if own and not span.events and not span.status.description:
        return span
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Status

    described = span.status.description
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes if own else _redacted(span.attributes or {}, settings),
        events=[_event(event, settings) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, redacted(described, settings) if described else described),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _event(event: "Event", settings: TraceSettings) -> "Event":
    from opentelemetry.sdk.trace import Event

    return Event(event.name, _redacted(event.attributes or {}, settings), event.timestamp)


def _redacted(attributes: Mapping[str, Any], settings: TraceSettings) -> dict[str, Any]:
    return {key: _value(value, settings) for key, value in attributes.items()}


def _value(value: Any, settings: TraceSettings) -> Any:
    if isinstance(value, str):
        return redacted(value, settings)
    if isinstance(value, list | tuple):
        return tuple(redacted(item, settings) if isinstance(item, str) else item for item in value)
    return value
