"""Functions as steps: sync, async, generators and async generators.

The context is attached and detached in one frame, or around one step of a generator, so nothing
stays behind in the caller, however a stream ends.
"""

import inspect
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry.context import attach, get_current

from groundtrace.scope import detach_quietly
from groundtrace.steps.step import Step

P = ParamSpec("P")
R = TypeVar("R")


def wrap(function: Callable[P, R], template: Step) -> Callable[P, R]:
    """``function`` with each call a step made from ``template``; signature and type are kept."""
    begin = partial(_begun, template, name_of(function), _Parameters(function))
    if inspect.isasyncgenfunction(function):
        wrapper: Any = _async_generator(function, begin)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, begin)
    elif is_async(function):
        wrapper = _coroutine(cast("Callable[..., Coroutine[Any, Any, Any]]", function), begin)
    else:
        wrapper = _plain(function, begin)
    return cast("Callable[P, R]", wraps(function)(wrapper))


def name_of(function: Callable[..., object]) -> str:
    """Return what to call a step that runs ``function``."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", None) or type(function).__name__)


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling ``function`` gives a coroutine, as far as can be told beforehand."""
    if inspect.iscoroutinefunction(function):
        return True
    # An object whose class defines an async __call__.
    return inspect.iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004


class _Parameters:
    """A function's parameter names, to tell its arguments by."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._names: tuple[str, ...] = ()
        self._rest = "args"
        self._skip = 0
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return  # some C functions have none
        positional = [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
        self._skip = 1 if positional[:1] in (["self"], ["cls"]) else 0
        self._names = tuple(positional)
        self._rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "args")

    def named(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        names = self._names
        arguments: dict[str, object] = dict(
            zip(names[self._skip :], args[self._skip : len(names)], strict=False)
        )
        if len(args) > len(names):
            arguments[self._rest] = list(args[len(names) :])
        arguments.update(kwargs)
        return arguments


def _begun(template: Step, name: str, parameters: _Parameters, args: Any, kwargs: Any) -> Step:
    step = template.fresh(name)
    step.start()
    if step.span.is_recording():
        step.take_arguments(parameters.named(args, kwargs))
    return step


Begin = Callable[[Any, Any], Step]


def _plain(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        step = begin(args, kwargs)
        token = attach(step.context)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            detach_quietly(token)
            step.finish(error)
            raise
        detach_quietly(token)
        if inspect.isgenerator(result):
            return _ended_with(step, _drive(step, result))
        if inspect.isasyncgen(result):
            return _ended_with(step, _drive_async(step, result))
        if inspect.iscoroutine(result):
            return _ended_with(step, _awaited(step, result))
        step.take_result(result)
        step.finish()
        return result

    return call


def _ended_with(step: Step, stream: R) -> R:
    # A stream that nobody ever starts runs no code of ours, not even at its close.
    weakref.finalize(stream, step.finish, GeneratorExit())
    return stream


def _coroutine(function: Callable[..., Coroutine[Any, Any, Any]], begin: Begin) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        step = begin(args, kwargs)
        return await _awaited(step, function(*args, **kwargs))

    return call


async def _awaited(step: Step, coroutine: Coroutine[Any, Any, R]) -> R:
    token = attach(step.context)
    try:
        result = await coroutine
    except BaseException as error:
        detach_quietly(token)
        step.finish(error)
        raise
    detach_quietly(token)
    step.take_result(result)
    step.finish()
    return result


def _generator(function: Callable[..., Generator[Any, Any, Any]], begin: Begin) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        step = begin(args, kwargs)
        return (yield from _drive(step, function(*args, **kwargs)))

    return call


def _async_generator(function: Callable[..., AsyncGenerator[Any, Any]], begin: Begin) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        step = begin(args, kwargs)
        stream = _drive_async(step, function(*args, **kwargs))
        sent: Any = None
        try:
            # `yield from` does not exist here, so sending and throwing are passed on by hand.
            item = await stream.asend(None)
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - it is the app's, and goes to its generator
                    item = await stream.athrow(error)
                else:
                    item = await stream.asend(sent)
        except StopAsyncIteration:
            return
        finally:
            await stream.aclose()

    return call


def _drive(step: Step, generator: Generator[Any, Any, R]) -> Generator[Any, Any, R]:
    """Run ``generator`` with the step current inside it, and only there."""
    inside = step.context
    resume: Callable[[], Any] = partial(generator.send, None)
    try:
        while True:
            token = attach(inside)
            try:
                item = resume()
            finally:
                # What the generator itself attached across its yield is kept for its next step.
                inside = get_current()
                detach_quietly(token)
            step.take_item(item)
            try:
                sent = yield item
            except GeneratorExit:
                _closed(generator, inside)
                raise
            except BaseException as error:  # noqa: BLE001 - it is the app's, and goes to its generator
                resume = partial(generator.throw, error)
            else:
                resume = partial(generator.send, sent)
    except StopIteration as stop:
        step.finish()
        return cast("R", stop.value)
    except BaseException as error:
        step.finish(error)
        raise


def _closed(generator: Generator[Any, Any, Any], inside: Any) -> None:
    token = attach(inside)
    try:
        generator.close()
    finally:
        detach_quietly(token)


async def _drive_async(step: Step, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """Run ``generator`` with the step current inside it, and only there."""
    inside = step.context
    resume: Callable[[], Any] = partial(generator.asend, None)
    try:
        while True:
            token = attach(inside)
            try:
                item = await resume()
            finally:
                inside = get_current()
                detach_quietly(token)
            step.take_item(item)
            try:
                sent = yield item
            except GeneratorExit:
                await _closed_async(generator, inside)
                raise
            except BaseException as error:  # noqa: BLE001 - it is the app's, and goes to its generator
                resume = partial(generator.athrow, error)
            else:
                resume = partial(generator.asend, sent)
    except StopAsyncIteration:
        step.finish()
    except BaseException as error:
        step.finish(error)
        raise


async def _closed_async(generator: AsyncGenerator[Any, Any], inside: Any) -> None:
    token = attach(inside)
    try:
        await generator.aclose()
    finally:
        detach_quietly(token)
