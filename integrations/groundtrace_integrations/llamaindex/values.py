"""What goes into and out of a step, as text where there is text, else as plain data for JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

# Where steps are given what they are asked, the best first.
_ASKED: Final = (
    "str_or_query_bundle",
    "query_bundle",
    "query",
    "message",
    "user_msg",
    "start_event",
    "ev",
)


def asked_value(arguments: Mapping[str, Any]) -> object:
    """Return what the arguments of a call ask: the question where there is one, else all of them."""
    for name in _ASKED:
        if arguments.get(name) is not None:
            return shown_value(arguments[name])
    given = {**arguments, **(arguments.get("kwargs") or {})}
    given.pop("kwargs", None)
    if given.get("user_msg") is not None:
        return shown_value(given["user_msg"])
    known = {name: shown_value(value) for name, value in given.items() if value is not None}
    return next(iter(known.values())) if len(known) == 1 else known or None


def shown_value(value: Any) -> object:
    """Return a text, or data that says what was said.

    Query bundles, messages, events and answers of all sorts are known by what they hold.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    node_id = getattr(value, "node_id", None)
    if isinstance(node_id, str):
        return node_id  # its text is where it was found, or is being indexed
    for name in ("query_str", "response", "content"):
        found = getattr(value, name, None)
        if isinstance(found, str):
            return found
        if name == "response" and found is not None and not callable(found):
            return shown_value(found)
    if hasattr(value, "result") and type(value).__name__ == "StopEvent":
        return shown_value(value.result)
    if isinstance(value, Mapping):
        return {str(key): shown_value(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [shown_value(item) for item in value]
    return _data(value)


def _data(value: Any) -> object:
    """Return an event's or model's fields; one that is alone, and a text, as that text."""
    dump = getattr(value, "model_dump", None)
    if not callable(dump):
        return None if callable(value) else value
    try:
        fields = dump(mode="json", exclude_none=True, warnings=False)
    except Exception:  # noqa: BLE001 - a model of the app's may hold what no JSON can
        return type(value).__name__
    fields = {key: item for key, item in fields.items() if item}
    only = next(iter(fields.values())) if len(fields) == 1 else None
    if isinstance(only, dict) and "_data" in fields:  # what an event holds beside its own fields
        return next(iter(only.values())) if len(only) == 1 else only
    return only if isinstance(only, str) else fields
