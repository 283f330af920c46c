"""What a model is asked with beside its messages: parameters and the tools it may call. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from groundtrace import semconv
from groundtrace.attributes import Attributes, json_attribute, merge_attributes
from groundtrace.settings import TraceSettings


def parameter_attributes(parameters: Mapping[str, Any], settings: TraceSettings) -> Attributes:
    """``llm.invocation_parameters``, as JSON."""
    if settings.hide_llm_invocation_parameters:
        return {}
    return json_attribute(semconv.LLM_INVOCATION_PARAMETERS, parameters, settings)


def tool_attributes(tools: Sequence[Any], settings: TraceSettings) -> Attributes:
    """``llm.tools``: the schema of each tool, as it was given."""
    if settings.hide_llm_tools:
        return {}
    attributes: Attributes = {}
    for index, tool in enumerate(tools):
        key = f"{semconv.LLM_TOOLS}.{index}.{semconv.TOOL_JSON_SCHEMA}"
        attributes = merge_attributes(attributes, json_attribute(key, tool, settings))
    return attributes
