"""Streams, read along.

The client's stream object stays itself, with its type and all that it can do: only the iterator
inside it is exchanged for one that takes note of what passes.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Self

from groundtrace.guard import guarded
from groundtrace_integrations.patches import Method
from groundtrace_integrations.stainless.reading import Reading


class Chunks:
    """A stream's own iterator, read along; what else it can do is passed on."""

    def __init__(self, inner: Any, reading: Reading) -> None:
        """``inner`` is the iterator that the stream made for itself."""
        self._inner = inner
        self.reading = reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self._inner)
        except StopIteration:
            self.reading.finish()
            raise
        except BaseException as error:
            self.reading.fail(error)
            raise
        self.reading.add_chunk(chunk)
        return chunk


class AsyncChunks:
    """An asynchronous stream's own iterator, read along; what else it can do is passed on."""

    def __init__(self, inner: Any, reading: Reading) -> None:
        """``inner`` is the iterator that the stream made for itself."""
        self._inner = inner
        self.reading = reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await self._inner.__anext__()
        except StopAsyncIteration:
            self.reading.finish()
            raise
        except BaseException as error:
            self.reading.fail(error)
            raise
        self.reading.add_chunk(chunk)
        return chunk


@guarded("reading along with a stream")
def read_along(stream: Any, reading: Reading) -> None:
    """Take note of what passes through ``stream`` from now on, until it ends, is closed or dropped."""
    inner = stream._iterator  # noqa: SLF001 - where every version so far keeps it
    stream._iterator = (AsyncChunks if hasattr(inner, "__anext__") else Chunks)(inner, reading)  # noqa: SLF001


def closing_stream(original: Method) -> Method:
    """Wrap a stream's ``close``, which ``with`` calls, too: what was not read by then is not wanted."""
    return closing_with(original, _stop)


def closing_helper(original: Method) -> Method:
    """Wrap the ``close`` of a ``.stream()`` helper, which closes the response below its stream."""
    return closing_with(original, lambda helper: _stop(getattr(helper, "_raw_stream", None)))


def closing_with(original: Method, stop: Callable[[Any], None]) -> Method:
    """Wrap a ``close``, sync or async, and call ``stop`` with what was closed, however that went."""
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def aclose(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return await original(self, *args, **kwargs)
            finally:
                stop(self)

        return aclose

    @functools.wraps(original)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, *args, **kwargs)
        finally:
            stop(self)

    return close


@guarded("ending a closed stream's span")
def _stop(stream: Any) -> None:
    chunks = getattr(stream, "_iterator", None)
    if isinstance(chunks, Chunks | AsyncChunks):
        chunks.reading.stop()
