"""The one method through which all requests of the client go, wrapped."""

import functools
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import attach

from groundtrace.guard import guarded
from groundtrace.scope import detach_quietly
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import Cover, cover_of
from groundtrace_integrations.patches import Method, Wrap
from groundtrace_integrations.stainless.attempts import Attempts
from groundtrace_integrations.stainless.operations import Request
from groundtrace_integrations.stainless.raw import await_parse, body_of
from groundtrace_integrations.stainless.reading import Dialect, Reading
from groundtrace_integrations.stainless.streams import read_along


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultKinds:
    """What a request may return besides a plain answer.

    ``read`` responses hold the whole body, unless it is a stream; ``unread`` ones read it on demand.
    """

    stream: tuple[type, ...]
    read: tuple[type, ...]
    unread: tuple[type, ...]


def around_request(tracer: CallTracer, dialect: Dialect, kinds: ResultKinds) -> Wrap:
    """Wrap the client's ``request``; its retries are inside."""

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        def request(self: object, *args: Any, **kwargs: Any) -> Any:
            asked = None if tracer.off else _asked(dialect, args, kwargs)
            if asked is None:
                return original(self, *args, **kwargs)
            cover = cover_of(asked.operation.kind, asked.model)
            if cover is not None:
                with Attempts(cover.enrich):
                    result = original(self, *args, **kwargs)
                _enrich(dialect, cover, asked, result)
                return result
            call = _begin(tracer, dialect, self, asked)
            if call is None:
                return original(self, *args, **kwargs)
            token = attach(call.context())
            try:
                with Attempts(call.add):
                    result = original(self, *args, **kwargs)
            except BaseException as error:
                call.fail(error)
                raise
            finally:
                detach_quietly(token)
            _receive(Reading(call, asked, dialect), asked, result, kinds)
            return result

        return request

    return wrap


def around_async_request(tracer: CallTracer, dialect: Dialect, kinds: ResultKinds) -> Wrap:
    """Wrap the asynchronous client's ``request``; its retries are inside."""

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        async def request(self: object, *args: Any, **kwargs: Any) -> Any:
            asked = None if tracer.off else _asked(dialect, args, kwargs)
            if asked is None:
                return await original(self, *args, **kwargs)
            cover = cover_of(asked.operation.kind, asked.model)
            if cover is not None:
                with Attempts(cover.enrich):
                    result = await original(self, *args, **kwargs)
                _enrich(dialect, cover, asked, result)
                return result
            call = _begin(tracer, dialect, self, asked)
            if call is None:
                return await original(self, *args, **kwargs)
            token = attach(call.context())
            try:
                with Attempts(call.add):
                    result = await original(self, *args, **kwargs)
            except BaseException as error:
                call.fail(error)
                raise
            finally:
                detach_quietly(token)
            _receive(Reading(call, asked, dialect), asked, result, kinds)
            return result

        return request

    return wrap


@guarded("recognising a request")
def _asked(dialect: Dialect, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request | None:
    return dialect.request_of(args, kwargs)


@guarded("telling the operation around a request of its answer")
def _enrich(dialect: Dialect, cover: Cover, request: Request, answer: object) -> None:
    dialect.enrich(cover, request, answer)


@guarded("starting a request's span")
def _begin(tracer: CallTracer, dialect: Dialect, client: object, request: Request) -> Call | None:
    operation = request.operation
    call = tracer.begin_call(operation.kind, operation.name, operation.genai.value)
    call.model = request.model
    if call.recording:
        with guarded("reading a request"):
            call.add(dialect.ask(call, client, request))
    return call


@guarded("reading a request's result")
def _receive(reading: Reading, request: Request, result: Any, kinds: ResultKinds) -> None:
    streamed = bool(request.body.get("stream"))
    unread = isinstance(result, kinds.unread)
    if isinstance(result, kinds.stream):
        read_along(result, reading)
    elif unread and not streamed and result.http_response.is_closed:
        reading.finish_with(body_of(result.http_response))
    elif unread or (streamed and isinstance(result, kinds.read)):
        await_parse(result, reading)
    elif isinstance(result, kinds.read):
        reading.finish_with(_parsed(result))
    else:
        reading.finish_with(result)


def _parsed(response: Any) -> object:
    """Parse a response that is all here: it keeps the result, and the app will ask for the same."""
    try:
        return response.parse()
    except Exception:  # noqa: BLE001 - the app's to meet when it parses it
        return None
