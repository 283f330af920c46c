"""/api/v1/datasets: datasets, their versions and rows; rows put in, and mined from traces."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError

from groundtrace_collector.access.caller import Called, Caller
from groundtrace_collector.api.parameters import Limit
from groundtrace_collector.datasets.hard_negatives import Skipped
from groundtrace_collector.datasets.mining import MAX_NEGATIVES, MiningQuery, mine
from groundtrace_collector.datasets.row import Row, complaint
from groundtrace_collector.datasets.shelf import MAX_BATCH_ROWS, Shelf
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/datasets", tags=["datasets"])

Source = Annotated[str | None, Field(max_length=500, description="Who or what made this version.")]


class DatasetIn(BaseModel, extra="forbid"):
    """A dataset that gets a new version."""

    name: str = Field(description="1 to 100 letters, digits, '.', '_' and '-'.")


class RowsIn(BaseModel, extra="forbid"):
    """Rows for an upload; without one, a whole new version."""

    rows: list[Any] = Field(
        description="Objects with `query`; also `positive_chunk`, `hard_negative_chunk`, `expected_answer`, "
        "`positive_ids`, `embedding_model_version`, `metadata`, and where they are from."
    )
    upload: int | None = None
    source: Source = None


class VersionIn(BaseModel, extra="forbid"):
    """An upload that is complete."""

    upload: int
    append: bool = Field(
        default=False, description="Keep the rows of the version before, save those of the same id."
    )
    source: Source = None


class MiningIn(BaseModel, extra="forbid"):
    """Traces to mine into an upload, a page of them at a time."""

    upload: int
    where: str | None = None
    cohort: str | None = None
    since: str | None = None
    until: str | None = None
    cursor: str | None = None
    negatives: int = Field(1, ge=1, le=MAX_NEGATIVES, description="Rows of one trace at most.")


# A coroutine, so that it runs on the event loop: a thread of FastAPI's pool could make a second shelf.
async def shelf_of(request: Request) -> Shelf:
    """The one shelf of this server: it makes one version after the other."""
    state = request.app.state
    if not hasattr(state, "shelf"):
        state.shelf = Shelf(collector_of(request).store)
    shelf: Shelf = state.shelf
    return shelf


Shelved = Annotated[Shelf, Depends(shelf_of)]


@router.get("")
async def list_(shelf: Shelved, caller: Called) -> JSONResponse:
    """Every dataset: `{"datasets": [{"name", "version", "versions", "rows", "source", "created_at"}]}`."""
    return JSONResponse({"datasets": await shelf.listed(_project(caller))})


@router.post("")
async def open_(body: DatasetIn, shelf: Shelved, _caller: Called) -> JSONResponse:
    """Begin a new version: `{"name", "upload"}`. Rows go into the upload, completing it makes the version."""
    return JSONResponse({"name": body.name, "upload": shelf.open(body.name)})


@router.get("/{name}/rows")
async def rows(
    name: str,
    shelf: Shelved,
    caller: Called,
    version: Annotated[int | None, Query(description="The newest unless told.")] = None,
    limit: Limit = None,
    cursor: str | None = None,
) -> JSONResponse:
    """Rows in their order: `{"name", "version", "rows": [...], "next_cursor": …}`."""
    return JSONResponse(await shelf.rows(_project(caller), name, version=version, limit=limit, cursor=cursor))


@router.post("/{name}/rows")
async def put(name: str, body: RowsIn, shelf: Shelved, caller: Called) -> JSONResponse:
    """Put at most 1,000 rows into an upload: `{"accepted": n}`, all or none.

    Without an upload they are a whole new version at once: `{"name", "version", "rows"}`.
    """
    checked = _checked(body.rows)
    project = _project(caller)
    upload = shelf.open(name) if body.upload is None else body.upload
    accepted = await shelf.put(project, name, upload, checked)
    if body.upload is not None:
        return JSONResponse({"accepted": accepted})
    return JSONResponse(await shelf.complete(project, name, upload, append=False, source=body.source))


@router.get("/{name}/versions")
async def versions(name: str, shelf: Shelved, caller: Called) -> JSONResponse:
    """Every version: `{"name", "versions": [{"version", "rows", "source", "created_at"}]}`, newest first."""
    return JSONResponse({"name": name, "versions": await shelf.versions(_project(caller), name)})


@router.post("/{name}/versions")
async def complete(name: str, body: VersionIn, shelf: Shelved, caller: Called) -> JSONResponse:
    """Make an upload the next version: `{"name", "version", "rows"}`; it stays as it is from then on."""
    return JSONResponse(
        await shelf.complete(_project(caller), name, body.upload, append=body.append, source=body.source)
    )


@router.post("/{name}/mined")
async def mined(request: Request, name: str, body: MiningIn, shelf: Shelved, caller: Called) -> JSONResponse:
    """Mine one page of traces into an upload: `{"traces", "rows", "skipped": {REASON: n}, "next_cursor"}`."""
    wanted = TraceFilter(
        where=body.where,
        cohort=body.cohort,
        since=body.since,
        until=body.until,
        project=caller.project,
        cohorts_of=caller.project,
    )
    query = MiningQuery(filter=wanted, cursor=body.cursor, negatives=body.negatives)
    project = _project(caller)
    found = await mine(collector_of(request).store, query)
    added = await shelf.put_new(project, name, body.upload, found.found)
    found.skipped[Skipped.REPEATED] += added.count(0)
    return JSONResponse(
        {
            "traces": found.traces,
            "rows": sum(added),
            "skipped": {str(reason): count for reason, count in found.skipped.items() if count},
            "next_cursor": found.next_cursor,
        }
    )


def _project(caller: Caller) -> str:
    return caller.project or ""


def _checked(given: list[Any]) -> list[Row]:
    if len(given) > MAX_BATCH_ROWS:
        raise QueryError("too_many_rows", f"at most {MAX_BATCH_ROWS} rows at once, got {len(given)}")
    rows = []
    for number, each in enumerate(given, 1):
        try:
            rows.append(Row.model_validate(each))
        except ValidationError as error:
            raise QueryError("invalid_row", f"row {number}: {complaint(error)}") from error
    return rows
