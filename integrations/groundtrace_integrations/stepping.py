"""A stream read on in a context of its own: attached anew for each step, so that nothing is left behind."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from opentelemetry.context import Context, attach

from groundtrace.scope import detach_quietly


def stepped(inner: Any, context: Callable[[], Context]) -> Iterator[Any]:
    """Yield what the generator ``inner`` yields; its code runs in what ``context`` returns by then."""
    step: Callable[[], Any] = functools.partial(next, inner)
    try:
        while True:
            try:
                chunk = _run(step, context)
            except StopIteration:
                return
            step = functools.partial(next, inner)
            try:
                yield chunk
            except GeneratorExit:
                raise
            except BaseException as thrown:  # noqa: BLE001 - handed on, as yield from does
                step = functools.partial(inner.throw, thrown)
    finally:
        _run(inner.close, context)


def _run(step: Callable[[], Any], context: Callable[[], Context]) -> Any:
    token = attach(context())
    try:
        return step()
    finally:
        detach_quietly(token)


async def stepped_async(inner: Any, context: Callable[[], Context]) -> AsyncIterator[Any]:
    """Yield what the asynchronous generator ``inner`` yields; see ``stepped``."""
    step: Callable[[], Awaitable[Any]] = inner.__anext__
    try:
        while True:
            try:
                chunk = await _run_async(step, context)
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
            await _run_async(inner.aclose, context)


async def _run_async(step: Callable[[], Awaitable[Any]], context: Callable[[], Context]) -> Any:
    token = attach(context())
    try:
        return await step()
    finally:
        detach_quietly(token)
