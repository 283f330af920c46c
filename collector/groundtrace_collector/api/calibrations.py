"""GET and POST /api/v1/calibrations."""

import asyncio
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from groundtrace_collector.access.caller import Called
from groundtrace_collector.api.parameters import SavedCohort, Where
from groundtrace_collector.calibrations.book import Book
from groundtrace_collector.calibrations.first_runs import FirstRuns, first_runs
from groundtrace_collector.calibrations.labelled import labelled_scores
from groundtrace_collector.errors import ApiError
from groundtrace_collector.query.scores import VerdictQuery
from groundtrace_collector.query.times import TIME_HELP
from groundtrace_collector.state import collector_of
from groundtrace_evaluators.calibration import calibrate
from groundtrace_evaluators.errors import CalibrationError

router = APIRouter(prefix="/api/v1/calibrations", tags=["scores"])


class CalibrationIn(BaseModel, extra="forbid"):
    """What to learn from: the stored scores of a name on the traces that people labelled."""

    name: str = Field(min_length=1, description="The scores' name, such as `groundedness`.")
    labels: str = Field(
        "human",
        description="`human`: scores of that name that people gave; or `feedback.NAME`, as `feedback.thumbs`.",
    )
    method: Literal["platt", "isotonic"] = Field(
        "platt", description="A logistic curve, or any rising map, which wants about a thousand labels."
    )
    where: str | None = Field(None, description="A where-expression: only these traces.")
    cohort: str | None = Field(None, description="The name of a saved cohort: only its traces.")
    since: str | None = Field(None, description=f"Scores made at or after this: {TIME_HELP}.")
    until: str | None = Field(None, description=f"Scores made before this: {TIME_HELP}.")
    project: str | None = Field(
        None, description="Learn from this project only, and for it only; otherwise from all, for all."
    )


def book_of(request: Request) -> Book:
    """The one book of this server."""
    state = request.app.state
    if not hasattr(state, "calibrations"):
        state.calibrations = Book(collector_of(request).store)
    return cast("Book", state.calibrations)


@router.get("")
async def list_(request: Request, caller: Called) -> dict[str, list[dict[str, Any]]]:
    """Calibrations in force: `{"calibrations": [{"project", "labels", "created_at", "proven", "calibration"}]}`."""
    calibrations = await book_of(request).read()
    return {"calibrations": [kept.as_json() for kept in calibrations.listed(caller.project)]}


@router.get("/first-runs")
async def first(
    request: Request,
    caller: Called,
    name: str,
    version: str,
    where: Where = None,
    cohort: SavedCohort = None,
    since: Annotated[str | None, Query(description=f"Scores made at or after this: {TIME_HELP}.")] = None,
    until: Annotated[str | None, Query(description=f"Scores made before this: {TIME_HELP}.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> FirstRuns:
    """Cases that an evaluator has scored in this version, with the score, to ask it again."""
    query = VerdictQuery(
        name=name,
        where=where,
        cohort=cohort,
        since=since,
        until=until,
        project=caller.project,
        cohorts_of=caller.project,
    )
    calibrations = await book_of(request).read()
    store = collector_of(request).store
    return await first_runs(store, query, version=version, limit=limit, calibrations=calibrations)


@router.post("")
async def add(request: Request, body: CalibrationIn, caller: Called) -> dict[str, Any]:
    """Calibrate stored scores on labels and keep the result, which it also answers.

    Scores to come carry its threshold, all scores of the evaluator, version and method its probability, and
    gates take it as proof.
    """
    project = caller.project_of(body.project)
    query = VerdictQuery(
        name=body.name,
        where=body.where,
        cohort=body.cohort,
        since=body.since,
        until=body.until,
        project=project,
        cohorts_of=caller.project,
    )
    found = await labelled_scores(collector_of(request).store, query, labels=body.labels)
    if not found.pairs:
        raise ApiError(
            400,
            "no_labels",
            f"no trace has both a score {body.name!r} of an evaluator and a label ({body.labels})",
        )
    try:
        calibration = await asyncio.to_thread(calibrate, found.pairs, method=body.method)
    except CalibrationError as exc:
        others = f"; {found.other_versions} are of other versions" if found.other_versions else ""
        raise ApiError(400, "too_few_labels", f"{exc}{others}") from exc
    kept = await book_of(request).keep(calibration, project=project or "", labels=body.labels)
    return kept.as_json() | {"other_versions": found.other_versions, "unclear": found.unclear}
