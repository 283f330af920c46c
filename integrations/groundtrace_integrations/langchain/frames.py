"""Where a run's span becomes the current one.

A span is attached only inside the frame that detaches it, or inside a throw-away copy of the
context, so nothing is left behind whatever way a call ends (openinference, OpenLLMetry and others
attach in callbacks and leak, or attach nowhere and lose the nesting).

A retriever's or stream's frame opens before LangChain starts its run. It opens a slot; the run
that starts inside takes the slot and is current from there on; the frame's own token, which is
older than both, undoes both.
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final, cast

from opentelemetry.context import Context, attach, create_key, get_current

from groundtrace.guard import guarded, keep
from groundtrace.scope import detach_quietly
from groundtrace.semconv import SpanKind
from groundtrace_integrations.langchain.runs import RUN_KEY, Run
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Method, Wrap
from groundtrace_integrations.stepping import stepped

_SLOT_KEY: Final = create_key("groundtrace-langchain-slot")


class Slot:
    """The place of a frame for the run that will start inside it."""

    __slots__ = ("instance", "kind", "run")

    def __init__(self, kind: SpanKind, instance: object) -> None:
        """Only a run of ``kind`` fits; ``instance`` is the object that runs."""
        self.kind = kind
        self.instance = instance
        self.run: Run | None = None

    def context(self) -> Context:
        """Return what the frame attaches: its run's context, or the slot that waits for the run."""
        if self.run is not None:
            return self.run.context()
        return Context({**get_current(), _SLOT_KEY: self})


def take_slot(kind: SpanKind, run: Run) -> None:
    """Make ``run`` current in the frame that waits for it, if there is one."""
    slot = cast("Slot | None", get_current().get(_SLOT_KEY))
    if slot is not None and slot.run is None and slot.kind is kind:
        slot.run = run
        run.instance = slot.instance
        # Without the slot, which points back at the run: a circle would wait for the garbage collector.
        run.base = Context(run.base)
        dict.pop(run.base, _SLOT_KEY)
        attach(run.context())  # undone by the frame's token


def around_call(tracer: RunTracer, kind: SpanKind) -> Wrap:
    """Wrap a method that starts one run: what it calls finds that run's span current."""

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        def call(self: object, *args: Any, **kwargs: Any) -> Any:
            if tracer.off:
                return original(self, *args, **kwargs)
            slot = Slot(kind, self)
            token = attach(slot.context())
            try:
                return original(self, *args, **kwargs)
            except BaseException as error:
                _close(tracer, slot.run, error)
                raise
            finally:
                detach_quietly(token)

        return call

    return wrap


def around_async_call(tracer: RunTracer, kind: SpanKind) -> Wrap:
    """Wrap a coroutine method that starts one run."""

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        async def call(self: object, *args: Any, **kwargs: Any) -> Any:
            if tracer.off:
                return await original(self, *args, **kwargs)
            slot = Slot(kind, self)
            token = attach(slot.context())
            try:
                return await original(self, *args, **kwargs)
            except BaseException as error:
                _close(tracer, slot.run, error)
                raise
            finally:
                detach_quietly(token)

        return call

    return wrap


def _close(tracer: RunTracer, run: Run | None, error: BaseException) -> None:
    """End a run that LangChain leaves open: it tells of an Exception, not of a cancelled task."""
    if run is not None and not isinstance(error, Exception):
        with guarded("ending a cancelled run"):
            tracer.runs.forget(run)
            tracer.end(run, error=error)


def around_stream(tracer: RunTracer, kind: SpanKind) -> Wrap:
    """Wrap a generator method that starts one run; attached anew for each step."""

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        def stream(self: object, *args: Any, **kwargs: Any) -> Iterator[Any]:
            inner = original(self, *args, **kwargs)
            if tracer.off:
                yield from inner
                return
            yield from stepped(inner, Slot(kind, self).context)

        return stream

    return wrap


def around_async_stream(tracer: RunTracer, kind: SpanKind) -> Wrap:
    """Wrap an asynchronous generator method that starts one run; attached anew for each step."""

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        async def stream(self: object, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            inner = original(self, *args, **kwargs)
            if tracer.off:
                async for chunk in inner:
                    yield chunk
                return
            slot = Slot(kind, self)
            step: Callable[[], Awaitable[Any]] = inner.__anext__
            try:
                while True:
                    try:
                        chunk = await _stepped_async(slot, step)
                    except StopAsyncIteration:
                        return
                    step = inner.__anext__
                    try:
                        yield chunk
                    except GeneratorExit:
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - handed on to the stream itself
                        step = functools.partial(inner.athrow, thrown)
            finally:
                # One that nobody holds any more is closed by the event loop, and so is ours: at once.
                if not inner.ag_running:
                    await _stepped_async(slot, inner.aclose)

        return stream

    return wrap


async def _stepped_async(slot: Slot, step: Callable[[], Awaitable[Any]]) -> Any:
    token = attach(slot.context())
    try:
        return await step()
    finally:
        detach_quietly(token)


def inside_run(tracer: RunTracer, run_of: Callable[[dict[str, Any], tuple[Any, ...]], Any]) -> Wrap:
    """Wrap a method that is given its run manager: the run's span is current inside.

    ``run_of`` finds the run manager in the keyword and positional arguments (self aside).
    """

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        def call(self: object, *args: Any, **kwargs: Any) -> Any:
            run = _managed_run(tracer, run_of(kwargs, args))
            if run is None:
                return original(self, *args, **kwargs)
            token = attach(run.context())
            try:
                return original(self, *args, **kwargs)
            finally:
                detach_quietly(token)

        return call

    return wrap


def inside_run_async(tracer: RunTracer, run_of: Callable[[dict[str, Any], tuple[Any, ...]], Any]) -> Wrap:
    """Wrap a coroutine method that is given its run manager; see ``inside_run``."""

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        async def call(self: object, *args: Any, **kwargs: Any) -> Any:
            run = _managed_run(tracer, run_of(kwargs, args))
            if run is None:
                return await original(self, *args, **kwargs)
            token = attach(run.context())
            try:
                return await original(self, *args, **kwargs)
            except BaseException as error:
                _close(tracer, run, error)
                raise
            finally:
                detach_quietly(token)

        return call

    return wrap


def _managed_run(tracer: RunTracer, manager: Any) -> Run | None:
    return tracer.runs.get(getattr(manager, "run_id", None)) if tracer.active else None


def manager_of_messages(kwargs: dict[str, Any], args: tuple[Any, ...]) -> Any:
    """Find the run manager of ``_generate_with_cache(messages, stop, run_manager)``."""
    return kwargs["run_manager"] if "run_manager" in kwargs else (args[2] if len(args) > 2 else None)


def manager_of_prompts(kwargs: dict[str, Any], args: tuple[Any, ...]) -> Any:
    """Find the first run manager of ``_generate_helper(prompts, stop, run_managers)``."""
    managers = kwargs["run_managers"] if "run_managers" in kwargs else (args[2] if len(args) > 2 else None)
    return managers[0] if managers else None


def entering_step(tracer: RunTracer) -> Wrap:
    """Wrap LangChain's ``_set_config_context``, which it runs in a copy of the context made for one step.

    That copy is thrown away with the step, so what is attached in it needs no detaching.
    """

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        def set_config_context(config: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(config, *args, **kwargs)
            if config and tracer.active:
                try:
                    run = tracer.runs.get(getattr(config.get("callbacks"), "parent_run_id", None))
                    if run is not None and get_current().get(RUN_KEY) is not run:
                        attach(run.context())
                except Exception as fault:
                    if not keep("making a step's span current", fault):
                        raise
            return result

        return set_config_context

    return wrap
