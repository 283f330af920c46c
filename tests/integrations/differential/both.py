"""The same calls, traced by OpenInference's instrumentor and then by ours, compared attribute for attribute."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from groundtrace.settings import settings_from_env
from tests.span_recorder import RecordedSpan, recording

FULL = {"GROUNDTRACE_PLUMBING": "full", "OPENINFERENCE_HIDE_EMBEDDINGS_VECTORS": "false"}


@dataclass
class Difference:
    """What one span has of ours only, of theirs only, and differently; keys without their numbers."""

    more: set[str] = field(default_factory=set)
    less: set[str] = field(default_factory=set)
    other: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def record(instrumentor: Any, calls: Callable[[], Any], **arguments: Any) -> list[RecordedSpan]:
    """Return the spans of ``calls`` as ``instrumentor`` tells them, in the order of their start."""
    with recording() as spans:
        instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True, **arguments)
        try:
            calls()
        finally:
            instrumentor.uninstrument()
        return spans.all()


def both(theirs: Any, ours: Any, calls: Callable[[], Any]) -> list[tuple[RecordedSpan, RecordedSpan]]:
    """Return pairs of spans, theirs and ours, of the same step."""
    told = record(theirs, calls)
    ours_told = record(ours, calls, config=settings_from_env(FULL))
    return paired(told, ours_told)


def paired(
    theirs: Iterable[RecordedSpan], ours: Iterable[RecordedSpan]
) -> list[tuple[RecordedSpan, RecordedSpan]]:
    """Pair spans of one name and kind in the order of their start; of ours there may be more."""
    left = list(ours)
    pairs = []
    for span in theirs:
        match = next((other for other in left if (other.name, other.kind) == (span.name, span.kind)), None)
        assert match is not None, (
            f"no span {span.name} ({span.kind}) among {[(s.name, s.kind) for s in left]}"
        )
        left.remove(match)
        pairs.append((span, match))
    return pairs


def difference(theirs: RecordedSpan, ours: RecordedSpan) -> Difference:
    """Compare two spans of one step: attributes, JSON by its meaning."""
    one, two = theirs.attributes, ours.attributes
    found = Difference(
        more={plain_key(key) for key in two.keys() - one.keys()},
        less={plain_key(key) for key in one.keys() - two.keys()},
    )
    for key in one.keys() & two.keys():
        if meaning(one[key]) != meaning(two[key]):
            found.other[plain_key(key)] = (one[key], two[key])
    return found


def plain_key(key: str) -> str:
    """Return an attribute's key with its places in lists left out."""
    return ".".join(part for part in key.split(".") if not part.isdigit())


_RUN_ID = re.compile(r"run--[0-9a-f-]{36}")


def meaning(value: Any) -> Any:
    """Return a value to compare: JSON read, sequences as lists, ids of runs left out."""
    if isinstance(value, str):
        value = _RUN_ID.sub("run--", value)
        if value[:1] in {"[", "{"}:
            try:
                return json.loads(value)
            except ValueError:
                return value
    return list(value) if isinstance(value, list | tuple) else value


def compared(theirs: Any, ours: Any, calls: Callable[[], Any]) -> Difference:
    """Return the differences of all spans of ``calls`` together, and that they ended alike."""
    whole = Difference()
    for one, two in both(theirs, ours, calls):
        assert (one.name, one.kind, one.status) == (two.name, two.kind, two.status)
        assert set(one.event_names) <= set(two.event_names)
        found = difference(one, two)
        whole.more |= found.more
        whole.less |= found.less
        whole.other |= found.other
    return whole
