"""/api/v1/cohorts/saved: names for where-expressions."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from groundtrace_collector.query.saved import forget_cohort, list_saved, save_cohort
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/cohorts/saved", tags=["cohorts"])


class SavedCohortIn(BaseModel, extra="forbid"):
    """A cohort to keep; one of the same name is replaced."""

    name: str = Field(description="What `cohort=` will call it.")
    expression: str = Field(description="A where-expression.")


@router.get("")
async def list_(request: Request) -> JSONResponse:
    """Every saved cohort: `{"saved": [{"name", "expression", "created_at"}]}`."""
    return JSONResponse({"saved": await list_saved(collector_of(request).store)})


@router.post("")
async def save(request: Request, cohort: SavedCohortIn) -> JSONResponse:
    """Save a cohort and return it."""
    store = collector_of(request).store
    return JSONResponse(await save_cohort(store, name=cohort.name, expression=cohort.expression))


@router.delete("/{name:path}")
async def forget(request: Request, name: str) -> JSONResponse:
    """Remove a saved cohort: `{"removed": name}`."""
    await forget_cohort(collector_of(request).store, name)
    return JSONResponse({"removed": name})
