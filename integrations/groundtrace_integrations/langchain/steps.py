"""Calls that LangChain has no run for: a method wrapped in a span of its own."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from opentelemetry.context import attach

from groundtrace.attributes import Attributes
from groundtrace.guard import guarded, keep
from groundtrace.scope import detach_quietly
from groundtrace_integrations.langchain.runs import Run
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Method, Wrap

Begin = Callable[[Any, tuple[Any, ...], dict[str, Any]], Run | None]
"""Given the object, arguments and keywords of a call: its run, or None to leave the call alone."""

Describe = Callable[[Run, Any], Attributes]
"""Given the run and what the call returned: the attributes to add."""


Note = Callable[[Any, tuple[Any, ...], dict[str, Any], Any], None]
"""Given the object, arguments, keywords and result of a call: remember what is worth it."""


def step(tracer: RunTracer, begin: Begin, describe: Describe, note: Note | None = None) -> Wrap:
    """Wrap a method, sync or async, in a run whose span is current inside.

    ``note`` sees what the method returned, also where no run was begun.
    """

    def wrap(original: Method) -> Method:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def acall(self: object, *args: Any, **kwargs: Any) -> Any:
                run = _begun(tracer, begin, self, args, kwargs)
                if run is None:
                    result = await original(self, *args, **kwargs)
                    _noted(tracer, note, self, args, kwargs, result)
                    return result
                token = attach(run.context())
                try:
                    result = await original(self, *args, **kwargs)
                    _noted(tracer, note, self, args, kwargs, result)
                except BaseException as error:
                    _failed(tracer, run, error)
                    raise
                finally:
                    detach_quietly(token)
                _done(tracer, describe, run, result)
                return result

            return acall

        @functools.wraps(original)
        def call(self: object, *args: Any, **kwargs: Any) -> Any:
            run = _begun(tracer, begin, self, args, kwargs)
            if run is None:
                result = original(self, *args, **kwargs)
                _noted(tracer, note, self, args, kwargs, result)
                return result
            token = attach(run.context())
            try:
                result = original(self, *args, **kwargs)
                _noted(tracer, note, self, args, kwargs, result)
            except BaseException as error:
                _failed(tracer, run, error)
                raise
            finally:
                detach_quietly(token)
            _done(tracer, describe, run, result)
            return result

        return call

    return wrap


def noting(tracer: RunTracer, note: Note) -> Wrap:
    """Wrap a method, sync or async, so that ``note`` sees what it returned; no span."""

    def wrap(original: Method) -> Method:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def acall(self: object, *args: Any, **kwargs: Any) -> Any:
                result = await original(self, *args, **kwargs)
                _noted(tracer, note, self, args, kwargs, result)
                return result

            return acall

        @functools.wraps(original)
        def call(self: object, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            _noted(tracer, note, self, args, kwargs, result)
            return result

        return call

    return wrap


def _begun(
    tracer: RunTracer, begin: Begin, instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Run | None:
    try:
        return begin(instance, args, kwargs) if tracer.active else None
    except Exception as fault:
        if not keep("starting a step's span", fault):
            raise
        return None


def _noted(
    tracer: RunTracer,
    note: Note | None,
    instance: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: object,
) -> None:
    try:
        if note is not None and tracer.active:
            note(instance, args, kwargs, result)
    except Exception as fault:
        if not keep("noting a call's result", fault):
            raise


@guarded("ending a step's span")
def _done(tracer: RunTracer, describe: Describe, run: Run, result: object) -> None:
    attributes: Attributes = {}
    if run.recording:
        with guarded("reading a step's result"):
            attributes = describe(run, result)
    tracer.end(run, attributes)


@guarded("ending a failed step's span")
def _failed(tracer: RunTracer, run: Run, error: BaseException) -> None:
    tracer.end(run, error=error)


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], index: int, *names: str) -> Any:
    """Return an argument given by position (self aside) or by one of its names; None when neither."""
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return args[index] if len(args) > index else None
