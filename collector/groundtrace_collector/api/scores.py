"""GET and POST /api/v1/scores."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from groundtrace_collector.access.caller import Called
from groundtrace_collector.api.calibrations import book_of
from groundtrace_collector.api.parameters import Limit, SavedCohort, Where
from groundtrace_collector.query.scores import VerdictQuery, list_scores
from groundtrace_collector.query.times import TIME_HELP
from groundtrace_collector.query.verdicts import add_scores
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/scores", tags=["scores"])


class ScoresIn(BaseModel, extra="forbid"):
    """Scores to keep; each is checked by itself."""

    scores: list[Any] = Field(
        description="Objects with `trace_id`, `name`, and `score` in [0, 1] or `label` or `status`; also "
        "`span_id`, `explanation`, `source` (api, evaluator, human), `evaluator`, `version`, `method`, "
        "`evidence`, `threshold`, `cost_usd`."
    )


@router.get("")
async def list_(
    request: Request,
    caller: Called,
    trace_id: str | None = None,
    name: str | None = None,
    source: Annotated[str | None, Query(description="Only from here: api, evaluator or human.")] = None,
    where: Where = None,
    cohort: SavedCohort = None,
    since: Annotated[str | None, Query(description=f"Scores made at or after this: {TIME_HELP}.")] = None,
    until: Annotated[str | None, Query(description=f"Scores made before this: {TIME_HELP}.")] = None,
    limit: Limit = None,
    cursor: str | None = None,
) -> JSONResponse:
    """Scores, newest first: `{"scores": [...], "next_cursor": …}`.

    `probability` is the chance that people would agree with a score of 1, null where nobody calibrated.
    """
    query = VerdictQuery(
        trace_id=trace_id,
        name=name,
        source=source,
        where=where,
        cohort=cohort,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
        project=caller.project,
        cohorts_of=caller.project,
    )
    answer = await list_scores(collector_of(request).store, query)
    calibrations = await book_of(request).read()
    for score in answer["scores"]:
        score["probability"] = calibrations.probability(score["project"] or "", score)
    return JSONResponse(answer)


@router.post("")
async def add(request: Request, body: ScoresIn, caller: Called) -> JSONResponse:
    """Store scores: `{"accepted": n, "rejected": [{"index", "message"}]}`; the same key is replaced."""
    return JSONResponse(await add_scores(collector_of(request).store, body.scores, project=caller.project))
