"""What belongs to a whole request: session, user, metadata, tags, prompt version, route.

The values live in the OpenTelemetry context under OpenInference's own key names, so its helpers
(``using_session`` …) and ours read each other's.
"""

import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, cast

from opentelemetry.context import Context, attach, get_current

from groundtrace import semconv
from groundtrace.attributes import AttributeValue
from groundtrace.guard import guarded
from groundtrace.jsontext import json_text
from groundtrace.scope import detach_quietly
from groundtrace.settings import current_settings
from groundtrace.text import encodable, redacted_tree

CONTEXT_KEYS: Final = (
    semconv.SESSION_ID,
    semconv.USER_ID,
    semconv.METADATA,
    semconv.TAG_TAGS,
    semconv.LLM_PROMPT_TEMPLATE,
    semconv.LLM_PROMPT_TEMPLATE_VERSION,
    semconv.LLM_PROMPT_TEMPLATE_VARIABLES,
    semconv.ROUTE,
    semconv.DATASET_ROW,
    semconv.GOLD_DOCUMENT_IDS,
    semconv.SHADOW,
    semconv.FALLBACK,
)
_KEY_SET: Final = frozenset(CONTEXT_KEYS)


class context:  # noqa: N801 - reads as a statement: with groundtrace.context(...)
    """Mark every span inside with what the request is about.

    Inner blocks add to outer ones: metadata keys and tags are united, the other values replaced.
    ``metadata`` keys become cohort dimensions. ``gold`` are the ids of the documents that hold
    the answer, where known; ``dataset_row`` names the test case. Enter it with ``with``, also in
    async code; each object is entered once at a time.
    """

    def __init__(
        self,
        *,
        session: str | None = None,
        user: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        prompt_version: str | None = None,
        route: str | None = None,
        tags: Sequence[str] | None = None,
        gold: Sequence[str] | None = None,
        dataset_row: str | None = None,
    ) -> None:
        self._texts = {
            semconv.SESSION_ID: session,
            semconv.USER_ID: user,
            semconv.LLM_PROMPT_TEMPLATE_VERSION: prompt_version,
            semconv.ROUTE: route,
            semconv.DATASET_ROW: dataset_row,
        }
        self._metadata = metadata
        self._tags = tags
        self._gold = gold
        self._token: Any = None

    def __enter__(self) -> Self:
        with guarded("entering groundtrace.context"):
            self._token = attach(self._joined(get_current()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            detach_quietly(token)

    def _joined(self, outer: Context) -> Context:
        values: dict[str, object] = dict(outer)
        values.update({key: encodable(str(text)) for key, text in self._texts.items() if text is not None})
        if self._metadata:
            values[semconv.METADATA] = _joined_metadata(outer.get(semconv.METADATA), self._metadata)
        if self._tags:
            values[semconv.TAG_TAGS] = _joined_tags(outer.get(semconv.TAG_TAGS), self._tags)
        if self._gold is not None:
            values[semconv.GOLD_DOCUMENT_IDS] = tuple(
                encodable(str(document_id)) for document_id in self._gold
            )
        return Context(values)


def with_values(values: Mapping[str, AttributeValue], base: Context | None = None) -> Context:
    """Return the current context (or ``base``) with more of ``CONTEXT_KEYS`` set."""
    return Context({**(get_current() if base is None else base), **values})


def context_attributes(source: Context | None = None) -> dict[str, AttributeValue]:
    """Return the attributes that each span must carry, from the current context or from ``source``."""
    values = get_current() if source is None else source
    if not values or _KEY_SET.isdisjoint(values):
        return {}
    # The values were made attribute-ready when they were set, by us or by OpenInference's helpers.
    return {
        key: cast("AttributeValue", tuple(value) if isinstance(value, list) else value)
        for key in CONTEXT_KEYS
        if (value := values.get(key)) is not None
    }


def _joined_metadata(outer: object, inner: Mapping[str, Any]) -> str:
    settings = current_settings()
    metadata = {str(key): value for key, value in inner.items()}
    if settings.redact:
        metadata = redacted_tree(metadata, settings)
    if isinstance(outer, str):
        known = _parsed(outer)
        if isinstance(known, dict):
            metadata = {**known, **metadata}
    return encodable(json_text(metadata, settings.max_attribute_chars))


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _joined_tags(outer: object, inner: Sequence[str]) -> tuple[str, ...]:
    known = outer if isinstance(outer, list | tuple) else ()
    return tuple(dict.fromkeys([*known, *(encodable(str(tag)) for tag in inner)]))
