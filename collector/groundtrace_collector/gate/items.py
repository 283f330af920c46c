"""How many items a request holds: a small body may hold millions of empty ones, which cost the store gigabytes."""

from __future__ import annotations

from typing import Any, Final

from groundtrace_collector.errors import TooLargeError

_LEAST_BYTES: Final = 2  # of an item on the wire: a tag and a length of 0


def check_items(request: Any, body: bytes, *, most: int) -> None:
    """Refuse a request of more than ``most`` items, counted only where its ``body`` could hold so many.

    ``request`` is the detector's message. An item is a group of spans, a span, an event, a link, an attribute
    of any of them, or an element of an attribute's array. Raises TooLargeError.
    """
    if len(body) <= most * _LEAST_BYTES:
        return
    items = _Items(most)
    items.add(request.t)
    for resource_spans in request.t:
        items.add_attributes(resource_spans.r.a)
        items.add(resource_spans.q)
        for scope_spans in resource_spans.q:
            items.add(scope_spans.c.a)
            items.add(scope_spans.s)
            for span in scope_spans.s:
                items.add_attributes(span.a)
                for parts in (span.x, span.l):
                    items.add(parts)
                    for part in parts:
                        items.add(part.a)


class _Items:
    """A count that ends with an error: nothing is walked beyond the limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most

    def add(self, items: Any) -> None:
        self._left -= len(items)
        if self._left < 0:
            raise TooLargeError(
                f"the request holds more than {self._most} spans, events, attributes and array elements: "
                "send it in parts"
            )

    def add_attributes(self, attributes: Any) -> None:
        """Count attributes that may be arrays, and the elements of those."""
        self.add(attributes)
        for attribute in attributes:
            if attribute.v.HasField("a"):
                self.add(attribute.v.a.v)
