"""``with_raw_response`` and ``with_streaming_response``: the app parses the answer itself, or does not."""

import functools
import inspect
import json
from typing import TYPE_CHECKING, Any, Final

from groundtrace.guard import guarded
from groundtrace_integrations.patches import Method, Wrap
from groundtrace_integrations.stainless.reading import Reading
from groundtrace_integrations.stainless.streams import closing_with, read_along

if TYPE_CHECKING:
    from groundtrace_integrations.stainless.requesting import ResultKinds

_READING: Final = "_groundtrace_reading"


@guarded("reading along with a raw response")
def await_parse(response: Any, reading: Reading) -> None:
    """Let ``response`` tell ``reading`` what the app parses out of it, or that it was closed."""
    vars(response)[_READING] = reading


def parsing(kinds: "ResultKinds") -> Wrap:
    """Wrap a raw response's ``parse``."""

    def wrap(original: Method) -> Method:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def aparse(self: Any, *args: Any, **kwargs: Any) -> Any:
                parsed = await original(self, *args, **kwargs)
                _parsed(self, parsed, kinds)
                return parsed

            return aparse

        @functools.wraps(original)
        def parse(self: Any, *args: Any, **kwargs: Any) -> Any:
            parsed = original(self, *args, **kwargs)
            _parsed(self, parsed, kinds)
            return parsed

        return parse

    return wrap


@guarded("reading a parsed response")
def _parsed(response: Any, parsed: Any, kinds: "ResultKinds") -> None:
    reading = vars(response).pop(_READING, None)
    if reading is None:
        return
    if isinstance(parsed, kinds.stream):
        read_along(parsed, reading)
    else:
        reading.finish_with(parsed)


def closing(original: Method) -> Method:
    """Wrap a raw response's ``close``, which ``with`` calls."""
    return closing_with(original, _closed)


@guarded("reading a closed response")
def _closed(response: Any) -> None:
    reading = vars(response).pop(_READING, None)
    if reading is None:
        return
    http = response.http_response
    if not http.is_stream_consumed:
        reading.stop()
        return
    reading.finish_with(body_of(http))


def body_of(http: Any) -> object:
    """Return the JSON of a response that was read; None when nobody kept the bytes, or it is none."""
    try:
        return json.loads(http.content)
    except (ValueError, RuntimeError):  # not JSON; streamed by, and nobody has it any more
        return None
