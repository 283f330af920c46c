"""The chain and tool steps: anything in, anything out."""

from collections.abc import Callable, Mapping
from typing import Final, ParamSpec, TypeVar, overload

from groundtrace import semconv
from groundtrace.attributes import Attributes, json_attribute
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.steps.step import Step

P = ParamSpec("P")
R = TypeVar("R")

_MAX_ITEMS: Final = 1_000


class _StreamingStep(Step):
    """A step whose stream of texts is joined, and of other items listed."""

    def __init__(self, name: str | None, given: Mapping[str, str | None], value: object) -> None:
        super().__init__(name, given)
        self._input = value
        self._items: list[object] = []
        self._chars = 0

    def _begin(self) -> None:
        self._items, self._chars = [], 0

    def _given_attributes(self) -> Attributes:
        if self._input is not None:
            self.set_input(self._input)
        return {}

    def _read_item(self, item: object) -> None:
        if len(self._items) >= _MAX_ITEMS and not isinstance(item, str):
            return
        if self._chars <= self._settings.max_attribute_chars:
            self._items.append(item)
            self._chars += len(item) if isinstance(item, str) else 1

    def _last_attributes(self) -> Attributes:
        items = self._items
        if items:
            texts = [item for item in items if isinstance(item, str)]
            self.set_output("".join(texts) if len(texts) == len(items) else items)
        return {}


class ChainStep(_StreamingStep):
    """A part of the pipeline while it runs; the outermost one is the request."""

    kind = SpanKind.CHAIN

    def __init__(self, name: str | None = None, *, input: object = None) -> None:  # noqa: A002
        super().__init__(name, {}, input)


class ToolStep(_StreamingStep):
    """A tool call while it runs."""

    kind = SpanKind.TOOL
    operation = GenAIOperation.EXECUTE_TOOL

    def __init__(
        self,
        name: str | None = None,
        *,
        input: object = None,  # noqa: A002 - the word for it
        description: str | None = None,
        call_id: str | None = None,
    ) -> None:
        super().__init__(
            name,
            {
                semconv.TOOL_DESCRIPTION: description,
                semconv.GEN_AI_TOOL_DESCRIPTION: description,
                semconv.TOOL_ID: call_id,
                semconv.GEN_AI_TOOL_CALL_ID: call_id,
            },
            input,
        )

    def _given_attributes(self) -> Attributes:
        name = self._name or self.kind.value.lower()
        return super()._given_attributes() | {semconv.TOOL_NAME: name, semconv.GEN_AI_TOOL_NAME: name}

    def _read_arguments(self, arguments: Mapping[str, object]) -> None:
        super()._read_arguments(arguments)
        if not self._settings.hide_inputs:
            self._put(json_attribute(semconv.TOOL_PARAMETERS, dict(arguments), self._settings))


@overload
def chain(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def chain(name: str | None = None, *, input: object = None) -> ChainStep: ...
def chain(
    name: Callable[P, R] | str | None = None,
    *,
    input: object = None,  # noqa: A002 - the word for it
) -> Callable[P, R] | ChainStep:
    """Trace a part of the pipeline, or the whole request: ``@groundtrace.chain`` or ``with``.

    A decorated function's only argument, or all of them by name, are the input.
    """
    if callable(name):
        return ChainStep()(name)
    return ChainStep(name, input=input)


@overload
def tool(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def tool(
    name: str | None = None,
    *,
    input: object = None,
    description: str | None = None,
    call_id: str | None = None,
) -> ToolStep: ...
def tool(
    name: Callable[P, R] | str | None = None,
    *,
    input: object = None,  # noqa: A002 - the word for it
    description: str | None = None,
    call_id: str | None = None,
) -> Callable[P, R] | ToolStep:
    """Trace a tool that a model may call: ``@groundtrace.tool`` or ``with groundtrace.tool(…)``."""
    if callable(name):
        return ToolStep()(name)
    return ToolStep(name, input=input, description=description, call_id=call_id)
