"""Values as OpenInference's instrumentor writes them, for ``GROUNDTRACE_PLUMBING=full``."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.load import dumpd
from langchain_core.messages import BaseMessage, message_to_dict
from langchain_core.outputs import ChatGeneration, LLMResult

from groundtrace import semconv
from groundtrace.attributes import Attributes, json_attribute, text_attribute
from groundtrace.settings import TraceSettings


def verbose_value(value: object) -> object:
    """Return a chain's or tool's value: the one text or field of a mapping, messages in LangChain's own form."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((key, only),) = value.items()
        if isinstance(only, str) or key in {"input", "output"}:
            return _with_messages(only)
    return _with_messages(value)


def _with_messages(value: Any) -> Any:
    if isinstance(value, BaseMessage):
        return message_to_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _with_messages(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_messages(item) for item in value]
    return value


def verbose_messages(batches: Sequence[Sequence[BaseMessage]]) -> object:
    """Return what goes into a chat model."""
    return {"messages": [[dumpd(message) for message in batch] for batch in batches]}


def verbose_answer(response: LLMResult) -> object:
    """Return what comes out of a model."""
    dumped = response.model_dump()
    for known, batch in zip(dumped["generations"], response.generations, strict=True):
        for place, generation in zip(known, batch, strict=True):
            if isinstance(generation, ChatGeneration):
                place["message"] = dumpd(generation.message)
    return dumped


def function_call_attributes(message: object, settings: TraceSettings) -> Attributes:
    """``llm.function_call``: the form that tool calls had before they were tool calls."""
    options = getattr(message, "additional_kwargs", None)
    call = options.get("function_call") if isinstance(options, Mapping) else None
    if not isinstance(call, Mapping):
        return {}
    try:
        known = {**call, "arguments": json.loads(call["arguments"])}
    except (KeyError, TypeError, ValueError):
        return {}
    return json_attribute(semconv.LLM_FUNCTION_CALL, known, settings)


def template_attributes(serialized: object, inputs: object, settings: TraceSettings) -> Attributes:
    """Return the first template of a prompt and what was filled into it."""
    given = inputs if isinstance(inputs, Mapping) else {}
    kept = _kept(serialized)
    messages = kept.get("messages")
    if isinstance(messages, list) and messages:
        kept = _kept(messages[0])
        given = {**(_kept(serialized).get("partial_variables") or {}), **given}
    if isinstance(kept.get("prompt"), Mapping):
        kept = _kept(kept["prompt"])
    template = kept.get("template")
    if not isinstance(template, str):
        return {}
    attributes = text_attribute(semconv.LLM_PROMPT_TEMPLATE, template, settings)
    names = kept.get("input_variables") or ()
    variables = {name: given[name] for name in names if given.get(name) is not None}
    if variables:
        attributes.update(json_attribute(semconv.LLM_PROMPT_TEMPLATE_VARIABLES, variables, settings))
    return attributes


def _kept(serialized: object) -> Mapping[str, Any]:
    """Return the arguments that a serialised component keeps."""
    kept = serialized.get("kwargs") if isinstance(serialized, Mapping) else None
    return kept if isinstance(kept, Mapping) else {}
