"""The one method through which all requests of the client go, wrapped."""

import functools
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import attach

from groundtrace.guard import guarded
from groundtrace.scope import detach_quietly
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import cover_of
from groundtrace_integrations.openai.asking import request_attributes
from groundtrace_integrations.openai.operations import Request, request_of
from groundtrace_integrations.openai.providers import provider_attributes
from groundtrace_integrations.openai.raw import await_parse
from groundtrace_integrations.openai.reading import Reading, enrich_cover
from groundtrace_integrations.openai.streams import read_along
from groundtrace_integrations.patches import Method, Wrap


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultKinds:
    """What a request may return besides a plain answer.

    ``read`` responses hold the whole body, unless it is a stream; ``unread`` ones read it on demand.
    """

    stream: tuple[type, ...]
    read: tuple[type, ...]
    unread: tuple[type, ...]


def around_request(tracer: CallTracer, kinds: ResultKinds) -> Wrap:
    """Wrap the client's ``request``; its retries are inside."""

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        def request(self: object, *args: Any, **kwargs: Any) -> Any:
            asked = None if tracer.off else _asked(args, kwargs)
            if asked is None:
                return original(self, *args, **kwargs)
            cover = cover_of(asked.operation.kind, asked.model)
            if cover is not None:
                result = original(self, *args, **kwargs)
                enrich_cover(cover, asked, result)
                return result
            call = _begin(tracer, self, asked)
            if call is None:
                return original(self, *args, **kwargs)
            token = attach(call.context())
            try:
                result = original(self, *args, **kwargs)
            except BaseException as error:
                call.fail(error)
                raise
            finally:
                detach_quietly(token)
            _receive(call, asked, result, kinds)
            return result

        return request

    return wrap


def around_async_request(tracer: CallTracer, kinds: ResultKinds) -> Wrap:
    """Wrap the asynchronous client's ``request``; its retries are inside."""

    def wrap(original: Method) -> Method:
        @functools.wraps(original)
        async def request(self: object, *args: Any, **kwargs: Any) -> Any:
            asked = None if tracer.off else _asked(args, kwargs)
            if asked is None:
                return await original(self, *args, **kwargs)
            cover = cover_of(asked.operation.kind, asked.model)
            if cover is not None:
                result = await original(self, *args, **kwargs)
                enrich_cover(cover, asked, result)
                return result
            call = _begin(tracer, self, asked)
            if call is None:
                return await original(self, *args, **kwargs)
            token = attach(call.context())
            try:
                result = await original(self, *args, **kwargs)
            except BaseException as error:
                call.fail(error)
                raise
            finally:
                detach_quietly(token)
            _receive(call, asked, result, kinds)
            return result

        return request

    return wrap


@guarded("recognising a request")
def _asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request | None:
    return request_of(args, kwargs)


@guarded("starting a request's span")
def _begin(tracer: CallTracer, client: object, request: Request) -> Call | None:
    operation = request.operation
    call = tracer.begin_call(operation.kind, operation.name, operation.genai.value)
    call.model = request.model
    if call.recording:
        with guarded("reading a request"):
            call.add(provider_attributes(client))
            call.add(request_attributes(request, call.settings, outermost=call.outermost))
    return call


@guarded("reading a request's result")
def _receive(call: Call, request: Request, result: Any, kinds: ResultKinds) -> None:
    reading = Reading(call, request)
    streamed = bool(request.body.get("stream"))
    if isinstance(result, kinds.stream):
        read_along(result, reading)
    elif isinstance(result, kinds.unread) or (streamed and isinstance(result, kinds.read)):
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
