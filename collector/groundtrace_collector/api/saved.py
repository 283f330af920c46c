"""/api/v1/cohorts/saved: names for where-expressions, of each project its own."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from groundtrace_collector.access.caller import Called
from groundtrace_collector.query.saved import forget_cohort, list_saved, save_cohort
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/cohorts/saved", tags=["cohorts"])


class SavedCohortIn(BaseModel, extra="forbid"):
    """A cohort to keep; one of the same name is replaced."""

    name: str = Field(description="What `cohort=` will call it.")
    expression: str = Field(description="A where-expression.")


@router.get("")
async def list_(request: Request, caller: Called) -> JSONResponse:
    """Every saved cohort of the caller's project, else of none: `{"saved": [{"name", "expression", "created_at"}]}`."""
    return JSONResponse({"saved": await list_saved(collector_of(request).store, project=caller.project)})


@router.post("")
async def save(request: Request, cohort: SavedCohortIn, caller: Called) -> JSONResponse:
    """Save a cohort and return it."""
    store = collector_of(request).store
    saved = await save_cohort(store, name=cohort.name, expression=cohort.expression, project=caller.project)
    return JSONResponse(saved)


@router.delete("/{name:path}")
async def forget(request: Request, name: str, caller: Called) -> JSONResponse:
    """Remove a saved cohort: `{"removed": name}`."""
    await forget_cohort(collector_of(request).store, name, project=caller.project)
    return JSONResponse({"removed": name})
