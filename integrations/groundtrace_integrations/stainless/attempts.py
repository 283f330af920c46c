"""How often a client asked before it had its answer: its retries all lie inside one call."""

import functools
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

from groundtrace.attributes import Attributes
from groundtrace.guard import guarded
from groundtrace.semconv import RETRY_ATTEMPT
from groundtrace_integrations.patches import Method


class Attempts:
    """Counts the attempts of the call inside; of more than one, ``tell`` is given the last one's number."""

    __slots__ = ("_made", "_tell", "_token")

    def __init__(self, tell: Callable[[Attributes], None]) -> None:
        """``tell`` adds to the span of the call."""
        self._tell = tell
        self._made = 0

    def __enter__(self) -> Self:
        self._token: Token[Attempts | None] = _CURRENT.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _CURRENT.reset(self._token)
        if self._made > 1:
            with guarded("counting a request's attempts"):
                self._tell({RETRY_ATTEMPT: self._made})

    def count(self) -> None:
        """Note one more attempt."""
        self._made += 1


_CURRENT: ContextVar[Attempts | None] = ContextVar("groundtrace-attempts", default=None)


def counting(original: Method) -> Method:
    """Wrap what a client builds each attempt's request with."""

    @functools.wraps(original)
    def build(self: object, *args: Any, **kwargs: Any) -> Any:
        attempts = _CURRENT.get()
        if attempts is not None:
            attempts.count()
        return original(self, *args, **kwargs)

    return build
