"""Query parameters that several endpoints share."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated

from fastapi import Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from groundtrace_collector.access.caller import Called
from groundtrace_collector.access.policy import API_START
from groundtrace_collector.errors import ApiError
from groundtrace_collector.query.filters import TraceFilter
from groundtrace_collector.query.times import TIME_HELP

Where = Annotated[
    str | None,
    Query(description="A where-expression, such as `encoder = 'minilm@2' and score.groundedness < 0.5`."),
]
Since = Annotated[str | None, Query(description=f"Traces that started at or after this: {TIME_HELP}.")]
Until = Annotated[str | None, Query(description=f"Traces that started before this: {TIME_HELP}.")]
SavedCohort = Annotated[str | None, Query(alias="cohort", description="The name of a saved cohort.")]
Limit = Annotated[int | None, Query(description="Rows of a page: 50 unless told, at most 1,000.")]


# A coroutine: FastAPI would run a plain function on a thread, for nothing.
async def trace_filter(
    caller: Called,
    where: Where = None,
    cohort: SavedCohort = None,
    since: Since = None,
    until: Until = None,
) -> TraceFilter:
    """The filter of lists and counts, within the caller's project."""
    return TraceFilter(
        where=where,
        cohort=cohort,
        since=since,
        until=until,
        project=caller.project,
        cohorts_of=caller.project,
    )


async def refuse_unknown(request: Request) -> None:
    """Refuse a query parameter that the API's endpoint does not have: a misspelt filter would filter nothing.

    Raises ApiError 400 that names those there are.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not route.path.startswith(API_START):
        return
    known = sorted(set(_names(route.dependant))) if request.query_params else []
    for name in request.query_params:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            there_are = f"there are {', '.join(known)}" if known else "there are none here"
            guess = f"did you mean {near[0]}? " if near else ""
            raise ApiError(400, "unknown_parameter", f"unknown parameter {name!r}; {guess}{there_are}")


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for each in dependant.dependencies:
        yield from _names(each)
