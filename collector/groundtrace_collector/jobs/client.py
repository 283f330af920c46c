"""The collector's job endpoints, as workers and the command line call them."""

import gzip
import os
from collections.abc import Mapping
from typing import Any, Final, Self, TypeVar

import httpx
from pydantic import BaseModel

from groundtrace.calls import answer, headers
from groundtrace.endpoints import collector_url
from groundtrace.errors import ApiError, ExportError
from groundtrace_collector.jobs.protocol import (
    ClaimReply,
    ClaimRequest,
    ReserveReply,
    ReserveRequest,
    ResultsReply,
    ResultsRequest,
    RunRequest,
    RunStatus,
)

# A claim looks for due traces over the whole store, and a busy collector lets it wait for its turn.
_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)

Reply = TypeVar("Reply", bound=BaseModel)


class CollectorAwayError(ExportError):
    """The collector does not answer, or says that it cannot now; the same request may pass later."""


class JobsClient:
    """One connection to a collector's ``/api/v1/jobs``.

    Every call raises CollectorAwayError when the collector cannot be reached or answers 5xx, and ApiError
    with its words when it refuses.
    """

    def __init__(self, url: str | None = None, *, environ: Mapping[str, str] = os.environ) -> None:
        self.url = collector_url(url, environ)
        self._http = httpx.AsyncClient(
            base_url=self.url, headers=headers(environ.get("GROUNDTRACE_API_KEY")), timeout=_TIMEOUT
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def jobs(self) -> list[dict[str, Any]]:
        """Every job with its counts and lag."""
        jobs: list[dict[str, Any]] = (await self._send("GET", ""))["jobs"]
        return jobs

    async def change(self, change: Mapping[str, object]) -> dict[str, Any]:
        """Create or change a job; gives it as it stands."""
        return await self._send("POST", "", json=dict(change))

    async def start_run(self, request: RunRequest) -> RunStatus:
        """Begin a run."""
        return await self._post("/runs", request, RunStatus)

    async def claim(self, request: ClaimRequest) -> ClaimReply:
        """Ask for work."""
        return await self._post("/claim", request, ClaimReply)

    async def reserve(self, request: ReserveRequest) -> ReserveReply:
        """Ask for the money that a lease's cases can cost."""
        return await self._post("/reserve", request, ReserveReply)

    async def results(self, request: ResultsRequest) -> ResultsReply:
        """Hand in what was found out, or keep the lease."""
        return await self._post("/results", request, ResultsReply)

    async def trace(self, spans: bytes) -> None:
        """Send a worker's own spans, an OTLP request; raises what the others raise."""
        kind = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        try:
            response = await self._http.post("/v1/traces", content=gzip.compress(spans, 1), headers=kind)
        except httpx.TransportError as exc:
            raise CollectorAwayError(f"no collector answers at {self.url}") from exc
        if response.is_error:
            raise ApiError(
                response.status_code, "spans_refused", "the collector refuses a worker's own spans"
            )

    async def _post(self, path: str, message: BaseModel, reply: type[Reply]) -> Reply:
        kind = {"content-type": "application/json"}
        return reply.model_validate(
            await self._send("POST", path, content=message.model_dump_json(), headers=kind)
        )

    async def _send(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            response = await self._http.request(method, f"/api/v1/jobs{path}", **content)
        except httpx.TransportError as exc:
            words = str(exc) or type(exc).__name__
            raise CollectorAwayError(
                f"no collector answers at {self.url} ({words}): start one with `groundtrace serve`"
            ) from exc
        try:
            return answer(response)
        except ApiError as exc:
            if response.status_code >= 500:
                raise CollectorAwayError(f"the collector at {self.url} cannot answer now: {exc}") from exc
            raise
