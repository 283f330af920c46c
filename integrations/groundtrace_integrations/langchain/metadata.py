"""LangChain's config metadata and tags as span attributes."""

import json
from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import Attributes
from groundtrace.jsontext import json_text
from groundtrace.semconv import SpanKind
from groundtrace.text import redacted_tree
from groundtrace_integrations.langchain.runs import Run

_SESSION_KEYS: Final = ("session_id", "conversation_id", "thread_id")
_PROMPT_VERSION_KEYS: Final = ("prompt_version", "lc_hub_commit_hash")
# LangChain's own bookkeeping, of which the spans have attributes of their own.
_BOOKKEEPING: Final = ("ls_", "lc_", "langgraph_", "checkpoint_", "__")
_OWN_TAGS: Final = ("seq:step:", "map:key:", "retry:attempt:", "langsmith:", "condition:", "branch:")
_RETRY_TAG: Final = "retry:attempt:"
_COMPARABLE: Final = frozenset({str, int, float, bool})


def session_attributes(metadata: Mapping[str, Any]) -> Attributes:
    """``session.id`` from the metadata keys that LangChain's users put it under."""
    for key in _SESSION_KEYS:
        session = metadata.get(key)
        if session:
            return {semconv.SESSION_ID: str(session)}
    return {}


def prompt_version(metadata: Mapping[str, Any]) -> str | None:
    """Return the prompt's version, given as ``prompt_version`` or by a prompt from the hub."""
    for key in _PROMPT_VERSION_KEYS:
        version = metadata.get(key)
        if version:
            return str(version)
    return None


def metadata_attributes(run: Run) -> Attributes:
    """``metadata``: what the run adds to the run around it, joined with the context's."""
    settings = run.settings
    inherited = run.parent.metadata if run.parent is not None else {}
    if settings.plumbing == "full":
        own = dict(run.metadata)
    elif len(run.metadata) == len(inherited) and all(map(is_, run.metadata.values(), inherited.values())):
        return {}  # handed on as it was, as it mostly is
    else:
        own = {
            key: value
            for key, value in run.metadata.items()
            if not _is_told(key, value, inherited) and _is_the_apps(key, run.kind)
        }
    if not own:
        return {}
    if settings.redact:
        own = redacted_tree(own, settings)
    given = run.attributes.get(semconv.METADATA)
    if isinstance(given, str):
        own = {**_parsed(given), **own}
    return {semconv.METADATA: json_text(own, settings.max_attribute_chars)}


def _is_told(key: str, value: object, inherited: Mapping[str, Any]) -> bool:
    if key not in inherited:
        return False
    told = inherited[key]
    # Only a text's or number's equality can be trusted to be one.
    return told is value or (type(told) is type(value) and type(value) in _COMPARABLE and told == value)


def _is_the_apps(key: str, kind: SpanKind) -> bool:
    # A retriever's ls_ keys name its store and encoder, which nothing else does.
    return kind is SpanKind.RETRIEVER or not key.startswith(_BOOKKEEPING)


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def tag_attributes(run: Run, tags: Sequence[str]) -> Attributes:
    """The app's tags, on the outermost run; the number of a retry, on the run that is one."""
    attributes: Attributes = {}
    for tag in tags:
        if _RETRY_TAG in tag and (attempt := tag.removeprefix(_RETRY_TAG)).isdigit():
            attributes[semconv.RETRY_ATTEMPT] = int(attempt)
    if run.parent is None:
        given = run.attributes.get(semconv.TAG_TAGS, ())
        known = tuple(given) if isinstance(given, list | tuple) else ()
        own = tuple(tag for tag in tags if not tag.startswith(_OWN_TAGS))
        if own:
            attributes[semconv.TAG_TAGS] = tuple(dict.fromkeys([*map(str, known), *own]))
    return attributes
