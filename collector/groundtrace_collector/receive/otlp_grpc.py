"""OTLP over gRPC: requests come as bytes and take the way of HTTP's, through the same gate and commit."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any, Final, NoReturn, TypeAlias

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from groundtrace_collector.access.caller import Caller
from groundtrace_collector.access.gatekeeper import check
from groundtrace_collector.access.key import Role
from groundtrace_collector.access.keyring import bearer_token
from groundtrace_collector.collector import Collector
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.errors import ConfigError, GroundtraceError
from groundtrace_collector.metrics import code_of
from groundtrace_collector.ports import holder_of
from groundtrace_collector.receive.answers import http_status
from groundtrace_collector.receive.intake import take_spans

logger = logging.getLogger(__name__)

SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
_PATH: Final = f"/{SERVICE}/Export"
_DETAILS: Final = "grpc-status-details-bin"
_AT_ONCE: Final = 256
_OK: Final = 200
_STATUSES: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]


class GrpcServer:
    """TraceService on a port of its own; bound when made, answering once started."""

    def __init__(self, config: CollectorConfig) -> None:
        """Take the port; must run in the event loop. Raises ConfigError that names the holder of a taken one."""
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=_AT_ONCE,
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
        # Without serialisers both sides are bytes: what is inside, the gate tells.
        export: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(service.export)
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(SERVICE, {"Export": export})]
        )
        await self._server.start()

    async def close(self, grace_s: float) -> None:
        """Refuse what is new; requests in flight have ``grace_s`` seconds to be answered."""
        await self._server.stop(grace_s)


class _Service:
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def export(self, request: bytes, context: Context) -> bytes:
        """Store one ExportTraceServiceRequest; the answer says what was refused of it."""
        began = time.perf_counter()
        try:
            caller = await self._caller(context)
            self._collector.commits.check_room(len(request))
            checked = await take_spans(self._collector, request, caller)
        except GroundtraceError as error:
            self._count(http_status(error)[0], began)
            self._collector.metrics.refusal(code_of(error))
            await _abort(context, error)
        except Exception:
            logger.exception("%s failed", _PATH)
            self._count(500, began)
            await context.abort(grpc.StatusCode.INTERNAL, "the collector failed; its log says why")
        self._count(200, began)
        response = ExportTraceServiceResponse()
        if checked.reason:
            response.partial_success.rejected_spans = checked.refused
            response.partial_success.error_message = checked.reason
        return response.SerializeToString()

    def _count(self, status: int, began: float) -> None:
        code = _STATUSES.get(status, grpc.StatusCode.OK if status == _OK else grpc.StatusCode.INTERNAL)
        self._collector.metrics.request("grpc", _PATH, code.name, time.perf_counter() - began)

    async def _caller(self, context: Context) -> Caller:
        metadata: Iterable[tuple[str, Any]] = context.invocation_metadata() or ()
        authorizations = [str(value) for name, value in metadata if name == "authorization"]
        caller = await self._collector.keys.caller(bearer_token(authorizations))
        check(caller, Role.INGEST, _PATH)
        return caller


async def _abort(context: Context, error: GroundtraceError) -> NoReturn:
    """Answer with an error's status, and with when to come again where that may help."""
    status, headers = http_status(error)
    code = _STATUSES.get(status, grpc.StatusCode.INTERNAL)
    details = Status(code=code.value[0], message=str(error))
    if "Retry-After" in headers:
        delay = RetryInfo(retry_delay=Duration(seconds=int(headers["Retry-After"])))
        packed = AnyMessage()
        packed.Pack(delay)
        details.details.append(packed)
    await context.abort(code, str(error), ((_DETAILS, details.SerializeToString()),))
