"""Where a step is current while its stream is read.

LlamaIndex tells when a call begins and returns, but what it returned may work on: a provider's client
inside of each step of a model's stream, a whole synthesis inside of an answer's. Their spans must
find the step that they belong to.
"""

import functools
import inspect
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from groundtrace.guard import guarded
from groundtrace_integrations.llamaindex.steps import Step, StepTracer
from groundtrace_integrations.patches import Method, Wrap
from groundtrace_integrations.stepping import stepped, stepped_async

_STREAMS: Final = frozenset({"StreamingResponse", "AsyncStreamingResponse"})
_WRITTEN: Final = "StreamingAgentChatResponse"
_STEPS: Final = "_groundtrace_steps"
_WRITERS: Final = frozenset({"write_response_to_history", "awrite_response_to_history"})


def around_stream(tracer: StepTracer) -> Wrap:
    """Wrap a model's method that returns a stream, or a coroutine of one: its step is current while it is read."""

    def wrap(original: Any) -> Method:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def acall(self: object, *args: Any, **kwargs: Any) -> Any:
                # Bound, as LlamaIndex's own wrapper, which this is, wants to be called.
                stream = await original.__get__(self, type(self))(*args, **kwargs)
                return _inside(tracer, stream)

            return acall

        @functools.wraps(original)
        def call(self: object, *args: Any, **kwargs: Any) -> Any:
            return _inside(tracer, original.__get__(self, type(self))(*args, **kwargs))

        return call

    return wrap


def is_stream(value: object) -> bool:
    """Whether ``value`` is a generator, asynchronous or not."""
    return inspect.isgenerator(value) or inspect.isasyncgen(value)


def _inside(tracer: StepTracer, stream: Any) -> Any:
    step = tracer.step_of_stream(stream) if is_stream(stream) else None
    if step is None:
        return stream
    return (stepped if inspect.isgenerator(stream) else stepped_async)(stream, step.context)


def hold(step: Step, result: Any) -> bool:
    """Let a step go on until the answer that it returned is whole; False when it is that already."""
    name = type(result).__name__
    if name in _STREAMS and is_stream(result.response_gen):
        inner = result.response_gen
        result.response_gen = (_told if inspect.isgenerator(inner) else _told_async)(step, inner)
        weakref.finalize(result.response_gen, step.cancel).atexit = False  # one that is never begun
        return True
    if name == _WRITTEN:
        # Written by a thread or task of its own, which is a step, too.
        vars(result).setdefault(_STEPS, []).append(step)
        weakref.finalize(result, step.cancel).atexit = False
        if result.is_done:
            release(result)
        return True
    return False


def writes(method: str) -> bool:
    """Whether a method of a chat's answer is the one that makes it whole."""
    return method in _WRITERS


def release(answer: Any, error: BaseException | None = None) -> None:
    """End the steps that go on until ``answer`` is whole."""
    for step in vars(answer).pop(_STEPS, ()):
        step.add_output(step.said or answer.response or None)
        if error is None:
            step.finish()
        else:
            step.fail(error)


def _told(step: Step, inner: Any) -> Iterator[Any]:
    said: list[str] = []
    try:
        for token in stepped(inner, step.context):
            said.append(str(token))
            yield token
    except BaseException as error:
        _end(step, said, error)
        raise
    _end(step, said)


async def _told_async(step: Step, inner: Any) -> AsyncIterator[Any]:
    said: list[str] = []
    try:
        async for token in stepped_async(inner, step.context):
            said.append(str(token))
            yield token
    except BaseException as error:
        _end(step, said, error)
        raise
    _end(step, said)


@guarded("ending an answer's step")
def _end(step: Step, said: list[str], error: BaseException | None = None) -> None:
    step.add_output("".join(said) or None)
    if error is None:
        step.finish()
    else:
        step.fail(error)
