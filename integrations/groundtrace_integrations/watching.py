"""A library's method, wrapped so that each call of it is watched from its start to its end."""

import functools
import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, Final, Protocol

from opentelemetry.context import Context, attach, get_current

from groundtrace.attributes import Attributes
from groundtrace.guard import guarded
from groundtrace.scope import detach_quietly
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import Cover
from groundtrace_integrations.patches import Method, Wrap

_BY_POSITION: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)

Arguments = Mapping[str, Any]
"""A call's arguments by name, defaults included."""

Describe = Callable[[Any], Attributes]
"""Given what a call returned: the attributes that say so."""


class Watch(Protocol):
    """One call of a wrapped method, while it goes on."""

    def context(self) -> Context:
        """Return the context in which the method runs."""

    def receive(self, result: Any) -> Any:
        """Take note of what the method returned, and return what the app gets."""

    def fail(self, error: BaseException) -> None:
        """Take note that it raised."""


Begin = Callable[[Any, Arguments], Watch | None]
"""Given the object and the arguments of a call: who watches it, or None to leave it alone."""


def watched(tracer: CallTracer, begin: Begin) -> Wrap:
    """Wrap a method, sync or async; its arguments, result and exceptions stay as they are."""

    def wrap(original: Method) -> Method:
        parameters = _Parameters(original)
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def acall(self: object, *args: Any, **kwargs: Any) -> Any:
                watch = _begun(tracer, begin, self, parameters, args, kwargs)
                if watch is None:
                    return await original(self, *args, **kwargs)
                token = attach(watch.context())
                try:
                    result = await original(self, *args, **kwargs)
                except BaseException as error:
                    watch.fail(error)
                    raise
                finally:
                    detach_quietly(token)
                return watch.receive(result)

            return acall

        @functools.wraps(original)
        def call(self: object, *args: Any, **kwargs: Any) -> Any:
            watch = _begun(tracer, begin, self, parameters, args, kwargs)
            if watch is None:
                return original(self, *args, **kwargs)
            token = attach(watch.context())
            try:
                result = original(self, *args, **kwargs)
            except BaseException as error:
                watch.fail(error)
                raise
            finally:
                detach_quietly(token)
            return watch.receive(result)

        return call

    return wrap


@guarded("starting a call's span")
def _begun(
    tracer: CallTracer,
    begin: Begin,
    instance: object,
    parameters: "_Parameters",
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Watch | None:
    return None if tracer.off else begin(instance, parameters.arguments(args, kwargs))


class _Parameters:
    """A method's parameters, to know its arguments by name."""

    __slots__ = ("_defaults", "_names", "_rest")

    def __init__(self, method: Method) -> None:
        parameters = list(inspect.signature(method).parameters.values())[1:]
        rest = [parameter.name for parameter in parameters if parameter.kind is Parameter.VAR_POSITIONAL]
        self._rest = rest[0] if rest else None
        self._names = [parameter.name for parameter in parameters if parameter.kind in _BY_POSITION]
        self._defaults = {
            parameter.name: parameter.default
            for parameter in parameters
            if parameter.default is not parameter.empty
        }

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
        named = {**self._defaults, **dict(zip(self._names, args, strict=False)), **kwargs}
        if self._rest is not None:
            named[self._rest] = args[len(self._names) :]
        return named


class OwnCall:
    """A call that has a span of its own, described by what it returned."""

    __slots__ = ("_call", "_describe")

    def __init__(self, call: Call, describe: Describe) -> None:
        """``describe`` is asked only when the span is recorded."""
        self._call = call
        self._describe = describe

    def context(self) -> Context:
        """Return the context with the call's span current."""
        return self._call.context()

    def receive(self, result: Any) -> Any:
        """Describe the result and end the span."""
        with guarded("reading a call's result"):
            if self._call.recording:
                self._call.add(self._describe(result))
        self._call.finish()
        return result

    def fail(self, error: BaseException) -> None:
        """End the span with its error."""
        self._call.fail(error)


class CoveredCall:
    """A call that is part of an operation which has its span: it tells that one what it alone knows."""

    __slots__ = ("_cover", "_describe")

    def __init__(self, cover: Cover, describe: Describe) -> None:
        """``describe`` gives what the operation around may not know."""
        self._cover = cover
        self._describe = describe

    def context(self) -> Context:
        """Return the current context."""
        return get_current()

    def receive(self, result: Any) -> Any:
        """Tell the operation around of it."""
        with guarded("telling the operation around a call of its result"):
            self._cover.enrich(self._describe(result))
        return result

    def fail(self, error: BaseException) -> None:
        """Leave the error to the operation around, which meets it too."""
