"""OTLP over gRPC: requests come as bytes and take the way of HTTP's, through the same gate and commit."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import Message

from groundtrace_collector.access.caller import Caller
from groundtrace_collector.access.gatekeeper import check
from groundtrace_collector.access.key import Role
from groundtrace_collector.access.keyring import bearer_token
from groundtrace_collector.collector import Collector
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.errors import ApiError, ConfigError, DecodeError, GroundtraceError, TooManyError
from groundtrace_collector.metrics import code_of
from groundtrace_collector.ports import holder_of
from groundtrace_collector.receive.answers import accepted, http_status, status_of
from groundtrace_collector.receive.intake import take_spans
from groundtrace_collector.receive.otlp_logs import take_records

logger = logging.getLogger(__name__)

_COLLECTOR: Final = "opentelemetry.proto.collector"
TRACES: Final = f"{_COLLECTOR}.trace.v1.TraceService"
LOGS: Final = f"{_COLLECTOR}.logs.v1.LogsService"
_EXPORT: Final = "Export"
_DETAILS: Final = "grpc-status-details-bin"
AT_ONCE: Final = 256
_READ_AT_ONCE: Final = 8  # grpc inflates each request as a whole, whatever it came as
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]
Take: TypeAlias = Callable[[Collector, bytes, Caller], Awaitable[Message]]


async def _take_traces(collector: Collector, body: bytes, caller: Caller) -> Message:
    checked = await take_spans(collector, body, caller)
    return accepted(checked.refused, checked.reason)


_TAKES: Final[dict[str, Take]] = {TRACES: _take_traces, LOGS: take_records}


class GrpcServer:
    """TraceService and LogsService on a port of their own; bound when made, answering once started."""

    def __init__(self, config: CollectorConfig) -> None:
        """Take the port; must run in the event loop. Raises ConfigError that names the holder of a taken one."""
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", config.inflated_bytes),
                ("grpc.so_reuseport", 0),  # else two servers would share the port, each with half the spans
            ],
        )
        host = f"[{config.host}]" if ":" in config.host else config.host
        try:
            self.port = self._server.add_insecure_port(f"{host}:{config.grpc_port}")
        except RuntimeError as error:
            holder = holder_of(config.grpc_port or 0)
            who = f" by {holder}" if holder else ""
            raise ConfigError(
                f"port {config.grpc_port} is taken{who}: stop it, choose another with --grpc-port, or --no-grpc"
            ) from error

    async def start(self, collector: Collector) -> None:
        """Answer."""
        service = _Service(collector)
        for name, take in _TAKES.items():
            self._server.add_generic_rpc_handlers(
                [grpc.method_handlers_generic_handler(name, {_EXPORT: service.handler(name, take)})]
            )
        await self._server.start()

    async def close(self, grace_s: float) -> None:
        """Refuse what is new; requests in flight have ``grace_s`` seconds to be answered."""
        await self._server.stop(grace_s)


class _Service:
    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._in_flight = 0
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)

    def handler(self, name: str, take: Take) -> grpc.RpcMethodHandler[bytes, bytes]:
        """What answers the calls of one service, with what ``take`` makes of a request."""
        path = f"/{name}/{_EXPORT}"

        async def export(_requests: AsyncIterator[bytes], context: Context) -> bytes:
            async with self._answering(path, context):
                answer = await self._take(path, take, context)
            return answer.SerializeToString()

        # Without serialisers both sides are bytes: what is inside, the gate tells. As a stream of requests,
        # though there is one: who may not come in, or one too many, is told before the request is read.
        return grpc.stream_unary_rpc_method_handler(export)

    async def _take(self, path: str, take: Take, context: Context) -> Message:
        caller = await self._caller(path, context)
        commits = self._collector.commits
        commits.check_room(0)
        async with self._reading:
            body = await _only(context, stall_s=self._collector.config.stall_s)
        commits.check_room(len(body))
        return await take(self._collector, body, caller)

    @asynccontextmanager
    async def _answering(self, path: str, context: Context) -> AsyncIterator[None]:
        """Count a call, and answer its errors."""
        began = time.perf_counter()
        self._in_flight += 1
        try:
            self._check_crowd()
            yield
        except GroundtraceError as error:
            # grpc raises once more, in a circle with this error: the request in its frames would stay for long.
            traceback.clear_frames(error.__traceback__)
            status, headers = http_status(error)
            details = status_of(status, str(error), headers)
            self._count(path, _CODES[details.code], began)
            self._collector.metrics.refusal(code_of(error))
            await context.abort(_CODES[details.code], str(error), ((_DETAILS, details.SerializeToString()),))
        except Exception:
            logger.exception("%s failed", path)
            self._count(path, grpc.StatusCode.INTERNAL, began)
            await context.abort(grpc.StatusCode.INTERNAL, "the collector failed; its log says why")
        else:
            self._count(path, grpc.StatusCode.OK, began)
        finally:
            self._in_flight -= 1

    def _check_crowd(self) -> None:
        # grpc's own limit says nothing of when to come again, and then senders drop their spans.
        if self._in_flight > AT_ONCE:
            raise TooManyError(f"more than {AT_ONCE} requests at once")

    def _count(self, path: str, code: grpc.StatusCode, began: float) -> None:
        self._collector.metrics.request("grpc", path, code.name, time.perf_counter() - began)

    async def _caller(self, path: str, context: Context) -> Caller:
        metadata: Iterable[tuple[str, Any]] = context.invocation_metadata() or ()
        authorizations = [str(value) for name, value in metadata if name == "authorization"]
        caller = await self._collector.keys.caller(bearer_token(authorizations))
        check(caller, Role.INGEST, path)
        return caller


async def _only(context: Context, *, stall_s: float) -> bytes:
    """The one request of a call; raises ApiError 408 when it is not whole after ``stall_s`` seconds."""
    try:
        # grpc never lets go of a request that was taken from its iterator, unless that is read to its end.
        async with asyncio.timeout(stall_s):
            request = await context.read()
    except TimeoutError as error:
        raise ApiError(408, "stalled", f"the request did not come within {stall_s:g} s") from error
    if not isinstance(request, bytes):
        raise DecodeError("the call came without a request")
    return request
