"""What goes into and out of a chain, as text where there is text, else as plain data for JSON."""

from collections.abc import Mapping
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import PromptValue

from groundtrace_integrations.langchain.messages import message_mapping


def shown_value(value: object) -> object:
    """Return a text, or data that says what was said: messages by role and content, documents by id.

    A mapping with one text in it is that text, as OpenInference has it.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and len(value) == 1:
        (only,) = value.values()
        if isinstance(only, str):
            return only
    if isinstance(value, BaseMessage) and isinstance(value.content, str) and value.content:
        return value.content
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseMessage):
        return message_mapping(value)
    if isinstance(value, Document):
        return {"id": value.id, "page_content": value.page_content, "metadata": value.metadata}
    if isinstance(value, PromptValue):
        return [message_mapping(message) for message in value.to_messages()]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
