"""Query parameters that several endpoints share."""

from typing import Annotated

from fastapi import Query

from groundtrace_collector.access.caller import Called
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
