"""What each client method asks the API for, and how its answer is read. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from groundtrace.endpoints import checked_key
from groundtrace.errors import ApiError, ExportError

if TYPE_CHECKING:
    import httpx

Time = str | datetime
"""A moment: ISO 8601, a datetime, or an age such as ``"24h"`` or ``"7d"``."""

Answer = dict[str, Any]

SAVED_COHORTS: Final = "/api/v1/cohorts/saved"
_MESSAGE_CHARS: Final = 300
_BATCH_ROWS: Final = 500
_BATCH_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: where to, and what with."""

    method: str = "GET"
    path: str
    params: Mapping[str, str]
    body: object = None


def get(path: str, /, **params: object) -> Call:
    """Return a GET; parameters that are None are left out."""
    return Call(path=path, params={key: _text(value) for key, value in params.items() if value is not None})


def post(path: str, body: object) -> Call:
    """Return a POST of a JSON body."""
    return Call(method="POST", path=path, params={}, body=body)


def delete(path: str) -> Call:
    """Return a DELETE."""
    return Call(method="DELETE", path=path, params={})


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(str(item) for item in value)
    return str(value)


def trace(trace_id: str) -> Call:
    """One trace with its spans, documents and scores."""
    return get(f"/api/v1/traces/{quote(trace_id, safe='')}")


def feedback(trace_id: str, name: str, value: float | str, comment: str | None) -> Call:
    """What someone said about a trace."""
    body: dict[str, object] = {"trace_id": trace_id, "name": name, "value": value}
    if comment is not None:
        body["comment"] = comment
    return post("/api/v1/feedback", body)


def saved_cohort(name: str) -> str:
    """The path of a saved cohort."""
    return f"{SAVED_COHORTS}/{quote(name, safe='')}"


def dataset(name: str, part: str) -> str:
    """The path of a part of a dataset: rows, versions or mined."""
    return f"/api/v1/datasets/{quote(name, safe='')}/{part}"


def row_batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Rows in requests of at most 500 rows and about 1 MB, save a single row that is larger."""
    batch: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        row_bytes = len(json.dumps(row))
        if batch and (len(batch) >= _BATCH_ROWS or size + row_bytes > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row_bytes
    if batch:
        yield batch


def mining(
    upload: int,
    where: str | None,
    cohort: str | None,
    since: Time | None,
    until: Time | None,
    negatives: int,
) -> dict[str, Any]:
    """The question for the first page of traces to mine."""
    given = {"where": where, "cohort": cohort, "since": since, "until": until}
    texts = {name: _text(value) for name, value in given.items() if value is not None}
    return {"upload": upload, "negatives": negatives, **texts}


def mined(found: Answer, page: Mapping[str, Any]) -> None:
    """Add what one page of traces gave to what the pages before it gave."""
    for name in ("traces", "rows"):
        found[name] = found.get(name, 0) + page[name]
    skipped: dict[str, int] = found.setdefault("skipped", {})
    for reason, count in page["skipped"].items():
        skipped[reason] = skipped.get(reason, 0) + count


def none_mined(error: ApiError, found: Mapping[str, Any]) -> ApiError:
    """Why no version was made: where no trace gave a row, with what each of them lacks; else ``error`` itself."""
    if error.code != "no_rows":
        return error
    reasons = sorted(found["skipped"].items(), key=lambda pair: -pair[1])
    why = "; ".join(f"{count:,} traces: {reason}" for reason, count in reasons)
    none = f"no row came of {found['traces']:,} traces: {why}" if why else "no trace matches: nothing to mine"
    return ApiError(error.status, error.code, none)


def headers(api_key: str | None) -> dict[str, str]:
    """Return the headers of every request; raises ConfigError for a key that none can carry."""
    key = checked_key(api_key)
    return {"authorization": f"Bearer {key}"} if key else {}


def answer(response: "httpx.Response") -> Answer:
    """Read a response. Raises ApiError with the API's own words where it refused."""
    if response.is_success:
        try:
            body = response.json()
        except ValueError as error:
            raise ApiError(response.status_code, "not_json", _no_collector(response)) from error
        return body if isinstance(body, dict) else {"result": body}
    code, message = _refusal(response)
    raise ApiError(response.status_code, code, message)


def _refusal(response: "httpx.Response") -> tuple[str, str]:
    try:
        error = response.json()["error"]
        return str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return "unknown", _no_collector(response)


def _no_collector(response: "httpx.Response") -> str:
    said = response.text.strip()[:_MESSAGE_CHARS]
    return f"{response.request.url} does not answer as a groundtrace collector: {said or 'an empty body'}"


def unreachable(url: str, error: Exception) -> ExportError:
    """Return the error for a collector that could not be asked."""
    reason = str(error) or type(error).__name__
    return ExportError(
        f"no collector answers at {url} ({reason}). "
        "Start one with `groundtrace serve`, or name another with GROUNDTRACE_URL"
    )
