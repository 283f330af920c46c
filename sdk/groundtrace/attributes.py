"""What a span carries: values in, attributes out. Pure, and cheap enough for every call.

Each function cuts what is too long or too much, keeps the best-ranked documents, and names the
keys it cut under ``groundtrace.truncated``. Join several results with ``merge_attributes``,
which unites those lists.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from groundtrace import semconv
from groundtrace.documents import Document
from groundtrace.jsontext import json_text
from groundtrace.passages import passage_id
from groundtrace.semconv import MimeType
from groundtrace.settings import TraceSettings
from groundtrace.text import encodable, redacted_tree, safe_text

AttributeValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]
Attributes = dict[str, AttributeValue]

# Attributes that a span needs beside its documents or messages: kind, input, output, model, context.
_RESERVED_ATTRIBUTES: Final = 32
_ATTRIBUTES_PER_MESSAGE: Final = 4


def merge_attributes(*parts: Mapping[str, AttributeValue]) -> Attributes:
    """Join attributes; later parts win, ``groundtrace.truncated`` is united.

    >>> merge_attributes({"groundtrace.truncated": ("a",)}, {"b": 1, "groundtrace.truncated": ("c",)})
    {'groundtrace.truncated': ('a', 'c'), 'b': 1}
    """
    merged: Attributes = {}
    for part in parts:
        before = merged.get(semconv.TRUNCATED)
        merged.update(part)
        if before is not None and semconv.TRUNCATED in part:
            merged[semconv.TRUNCATED] = _union(before, part[semconv.TRUNCATED])
    return merged


def _union(one: AttributeValue, other: AttributeValue) -> tuple[str, ...]:
    keys = [str(key) for part in (one, other) if not isinstance(part, bool | int | float) for key in part]
    return tuple(dict.fromkeys(keys))


def input_attributes(value: object, settings: TraceSettings) -> Attributes:
    """``input.value`` and its type: text as text/plain, anything else as JSON; None gives nothing."""
    if settings.hide_inputs:
        return {semconv.INPUT_VALUE: semconv.REDACTED}
    return _value_attributes(semconv.INPUT_VALUE, semconv.INPUT_MIME_TYPE, value, settings)


def output_attributes(value: object, settings: TraceSettings) -> Attributes:
    """``output.value`` and its type: text as text/plain, anything else as JSON; None gives nothing."""
    if settings.hide_outputs:
        return {semconv.OUTPUT_VALUE: semconv.REDACTED}
    return _value_attributes(semconv.OUTPUT_VALUE, semconv.OUTPUT_MIME_TYPE, value, settings)


def _value_attributes(key: str, mime_key: str, value: object, settings: TraceSettings) -> Attributes:
    if value is None or not settings.texts:
        return {}
    cut: list[str] = []
    if isinstance(value, str):
        return _closed({key: safe_text(value, key, settings, cut), mime_key: MimeType.TEXT.value}, cut)
    text = safe_json(value, key, settings, cut)
    # JSON that was cut is JSON no more.
    mime = MimeType.TEXT if cut else MimeType.JSON
    return _closed({key: text, mime_key: mime.value}, cut)


def text_attribute(key: str, value: str, settings: TraceSettings) -> Attributes:
    """One text under ``key``, redacted and cut; nothing unless content is ``full``."""
    if not settings.texts:
        return {}
    cut: list[str] = []
    return _closed({key: safe_text(value, key, settings, cut)}, cut)


def json_attribute(key: str, value: object, settings: TraceSettings) -> Attributes:
    """One JSON string under ``key``, its texts redacted, cut; nothing unless content is ``full``."""
    if not settings.texts:
        return {}
    cut: list[str] = []
    return _closed({key: safe_json(value, key, settings, cut)}, cut)


def safe_json(value: object, key: str, settings: TraceSettings, cut: list[str]) -> str:
    """JSON of ``value``; where it had to be shortened, ``key`` is added to ``cut``."""
    if settings.redact:
        value = redacted_tree(value, settings)
    text = json_text(value, settings.max_attribute_chars)
    # Redaction is done leaf by leaf above: over the finished JSON it could break the JSON.
    return safe_text(text, key, settings, cut, redact=False)


def _closed(attributes: Attributes, cut: Sequence[str]) -> Attributes:
    if cut:
        attributes[semconv.TRUNCATED] = tuple(cut)
    return attributes


def document_attributes(prefix: str, documents: Sequence[Document], settings: TraceSettings) -> Attributes:
    """Documents in OpenInference's flat form, ``<prefix>.<i>.document.{id,score,content,metadata}``.

    Rank is position, best first; what has no id gets one (``passages``). When the span's attribute
    limit is near, metadata goes first, then the contents of the lowest ranks, then the lowest ranks
    themselves; ids and scores of all documents stand in ``gen_ai.retrieval.documents`` besides, for
    ``retrieval.documents``.
    """
    share = max(settings.max_attributes - _RESERVED_ATTRIBUTES, 4)
    if prefix != semconv.RETRIEVAL_DOCUMENTS:
        share //= 2  # a reranker span carries two lists
    kept = documents[: min(settings.max_documents, share // 2)]
    cut = [prefix] if len(kept) < len(documents) else []
    attributes: Attributes = {}
    ids = [passage_id(document) for document in documents] if settings.ids else []
    for index, document in enumerate(kept):
        if ids and (known_id := ids[index]) is not None:
            attributes[f"{prefix}.{index}.{semconv.DOCUMENT_ID}"] = encodable(known_id)
        if document.score is not None:
            attributes[f"{prefix}.{index}.{semconv.DOCUMENT_SCORE}"] = float(document.score)
    if settings.texts:
        _add_contents(attributes, prefix, kept, share, settings, cut)
        _add_metadata(attributes, prefix, kept, share, settings, cut)
    if prefix == semconv.RETRIEVAL_DOCUMENTS and settings.ids:
        attributes.update(_genai_documents(documents, ids, settings, cut))
    return _closed(attributes, cut)


def _add_contents(
    attributes: Attributes,
    prefix: str,
    documents: Sequence[Document],
    share: int,
    settings: TraceSettings,
    cut: list[str],
) -> None:
    hidden = settings.hide_outputs
    for index, document in enumerate(documents):
        if document.content is None:
            continue
        key = f"{prefix}.{index}.{semconv.DOCUMENT_CONTENT}"
        if len(attributes) >= share:
            cut.append(key)
            return
        attributes[key] = semconv.REDACTED if hidden else safe_text(document.content, key, settings, cut)


def _add_metadata(
    attributes: Attributes,
    prefix: str,
    documents: Sequence[Document],
    share: int,
    settings: TraceSettings,
    cut: list[str],
) -> None:
    if settings.hide_outputs:
        return
    for index, document in enumerate(documents):
        if not document.metadata:
            continue
        key = f"{prefix}.{index}.{semconv.DOCUMENT_METADATA}"
        if len(attributes) >= share:
            cut.append(key)
            return
        attributes[key] = safe_json(document.metadata, key, settings, cut)


def _genai_documents(
    documents: Sequence[Document], ids: Sequence[str | None], settings: TraceSettings, cut: list[str]
) -> Attributes:
    known = [
        {"id": known_id} if document.score is None else {"id": known_id, "score": float(document.score)}
        for document, known_id in zip(documents, ids, strict=True)
        if known_id is not None
    ]
    if not known:
        return {}
    key = semconv.GEN_AI_RETRIEVAL_DOCUMENTS
    text = json_text(known, settings.max_attribute_chars)
    return {key: safe_text(text, key, settings, cut, redact=False)}


def token_attributes(
    *,
    prompt: int | None = None,
    completion: int | None = None,
    total: int | None = None,
    cache_read: int | None = None,
    cache_write: int | None = None,
    reasoning: int | None = None,
) -> Attributes:
    """Token counts in both vocabularies.

    ``prompt`` includes cached tokens and ``completion`` includes reasoning; ``total`` is their
    sum when not given.
    """
    if total is None and prompt is not None and completion is not None:
        total = prompt + completion
    pairs = (
        (semconv.LLM_TOKEN_COUNT_PROMPT, prompt),
        (semconv.GEN_AI_USAGE_INPUT_TOKENS, prompt),
        (semconv.LLM_TOKEN_COUNT_COMPLETION, completion),
        (semconv.GEN_AI_USAGE_OUTPUT_TOKENS, completion),
        (semconv.LLM_TOKEN_COUNT_TOTAL, total),
        (semconv.LLM_TOKEN_COUNT_CACHE_READ, cache_read),
        (semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, cache_read),
        (semconv.LLM_TOKEN_COUNT_CACHE_WRITE, cache_write),
        (semconv.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS, cache_write),
        (semconv.LLM_TOKEN_COUNT_REASONING, reasoning),
        (semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, reasoning),
    )
    return {key: value for key, value in pairs if value is not None}


def message_attributes(
    prefix: str, messages: Sequence[Mapping[str, Any]], settings: TraceSettings
) -> Attributes:
    """Chat messages, flat: ``<prefix>.<i>.message.{role,content,tool_calls…}``.

    ``prefix`` is ``llm.input_messages`` or ``llm.output_messages``. A message is a mapping in
    OpenAI's shape: ``role``, ``content`` (text or a list of parts), ``name``, ``tool_call_id``,
    ``tool_calls``, ``function_call``; an empty mapping keeps its place and gives nothing. Without
    texts (``content="ids"``) roles and tool names remain. When there are too many, the first and
    the last are kept.
    """
    outgoing = prefix == semconv.LLM_OUTPUT_MESSAGES
    if settings.hide_outputs or settings.hide_output_messages if outgoing else _inputs_hidden(settings):
        return {}
    cut: list[str] = []
    attributes: Attributes = {}
    for index in _kept_indexes(len(messages), settings, prefix, cut):
        _add_message(attributes, f"{prefix}.{index}.", messages[index], settings, cut, outgoing=outgoing)
    if settings.genai_messages and settings.texts:
        key = semconv.GEN_AI_OUTPUT_MESSAGES if outgoing else semconv.GEN_AI_INPUT_MESSAGES
        attributes[key] = safe_json([_genai_message(m) for m in messages if m], key, settings, cut)
    return _closed(attributes, cut)


def _inputs_hidden(settings: TraceSettings) -> bool:
    return settings.hide_inputs or settings.hide_input_messages


def _kept_indexes(count: int, settings: TraceSettings, prefix: str, cut: list[str]) -> Sequence[int]:
    room = max((settings.max_attributes - _RESERVED_ATTRIBUTES) // _ATTRIBUTES_PER_MESSAGE, 2)
    if count <= room:
        return range(count)
    cut.append(prefix)
    return [0, *range(count - room + 1, count)]


def _add_message(
    attributes: Attributes,
    stem: str,
    message: Mapping[str, Any],
    settings: TraceSettings,
    cut: list[str],
    *,
    outgoing: bool,
) -> None:
    for source, key in (
        ("role", semconv.MESSAGE_ROLE),
        ("name", semconv.MESSAGE_NAME),
        ("tool_call_id", semconv.MESSAGE_TOOL_CALL_ID),
    ):
        value = message.get(source)
        if value:
            attributes[stem + key] = str(value)
    content = message.get("content")
    if content is not None and settings.texts:
        hidden = settings.hide_output_text if outgoing else settings.hide_input_text
        if isinstance(content, str):
            key = stem + semconv.MESSAGE_CONTENT
            attributes[key] = semconv.REDACTED if hidden else safe_text(content, key, settings, cut)
        elif isinstance(content, Sequence):
            _add_parts(attributes, stem, content, settings, cut, hidden=hidden)
    function_call = message.get("function_call")
    if function_call is not None:
        _add_function_call(attributes, stem, function_call, settings, cut)
    for index, call in enumerate(message.get("tool_calls") or ()):
        _add_tool_call(attributes, f"{stem}{semconv.MESSAGE_TOOL_CALLS}.{index}.", call, settings, cut)


def _add_parts(
    attributes: Attributes,
    stem: str,
    parts: Sequence[Any],
    settings: TraceSettings,
    cut: list[str],
    *,
    hidden: bool,
) -> None:
    for index, part in enumerate(parts):
        prefix = f"{stem}{semconv.MESSAGE_CONTENTS}.{index}."
        kind, text, image = _part(part)
        attributes[prefix + semconv.MESSAGE_CONTENT_TYPE] = kind
        if text is not None:
            key = prefix + semconv.MESSAGE_CONTENT_TEXT
            attributes[key] = semconv.REDACTED if hidden else safe_text(text, key, settings, cut)
        if image is not None:
            attributes[prefix + semconv.MESSAGE_CONTENT_IMAGE_URL] = _image(image, settings)
        sealed = part.get("encrypted_content") if isinstance(part, Mapping) else None
        if isinstance(sealed, str) and settings.plumbing == "full":
            key = prefix + semconv.MESSAGE_CONTENT_ENCRYPTED
            attributes[key] = safe_text(sealed, key, settings, cut, redact=False)


def _part(part: object) -> tuple[str, str | None, str | None]:
    """Type, text and image URL of one part of a message's content."""
    if isinstance(part, str):
        return "text", part, None
    if not isinstance(part, Mapping):
        return type(part).__name__, None, None
    kind = str(part.get("type") or "text")
    text = part.get("text")
    image = part.get("image_url")
    if isinstance(image, Mapping):
        image = image.get("url")
    if image is not None:
        return "image", None, str(image)
    return kind, text if isinstance(text, str) else None, None


def _image(url: str, settings: TraceSettings) -> str:
    too_long = url.startswith("data:") and len(url) > settings.base64_image_max_length
    return semconv.REDACTED if settings.hide_input_images or too_long else url


def _add_tool_call(
    attributes: Attributes, stem: str, call: Mapping[str, Any], settings: TraceSettings, cut: list[str]
) -> None:
    function = call.get("function") or call
    if call.get("id"):
        attributes[stem + semconv.TOOL_CALL_ID] = str(call["id"])
    if function.get("name"):
        attributes[stem + semconv.TOOL_CALL_FUNCTION_NAME] = str(function["name"])
    arguments = function.get("arguments", function.get("args"))
    if arguments is not None and settings.texts:
        key = stem + semconv.TOOL_CALL_FUNCTION_ARGUMENTS
        attributes[key] = (
            safe_text(arguments, key, settings, cut)
            if isinstance(arguments, str)
            else safe_json(arguments, key, settings, cut)
        )


def _add_function_call(
    attributes: Attributes, stem: str, call: object, settings: TraceSettings, cut: list[str]
) -> None:
    """Add the form that tool calls had before they were tool calls."""
    name = call.get("name") if isinstance(call, Mapping) else getattr(call, "name", None)
    if not isinstance(name, str):
        return
    attributes[stem + semconv.MESSAGE_FUNCTION_CALL_NAME] = name
    arguments = call.get("arguments") if isinstance(call, Mapping) else getattr(call, "arguments", None)
    if isinstance(arguments, str) and settings.texts:
        key = stem + semconv.MESSAGE_FUNCTION_CALL_ARGUMENTS
        attributes[key] = safe_text(arguments, key, settings, cut)


def _genai_message(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    sources = [content] if isinstance(content, str) else content or []
    parts: list[dict[str, Any]] = []
    for source in sources:
        kind, text, image = _part(source)
        if text is not None:
            parts.append({"type": "text", "content": text})
        elif image is not None:
            parts.append({"type": "uri", "modality": "image", "uri": image})
        else:
            parts.append({"type": "generic", "generic_type": kind})
    for call in message.get("tool_calls") or ():
        function = call.get("function") or call
        parts.append(
            {
                "type": "tool_call",
                "id": call.get("id"),
                "name": function.get("name"),
                "arguments": function.get("arguments", function.get("args")),
            }
        )
    return {"role": message.get("role"), "parts": parts}
