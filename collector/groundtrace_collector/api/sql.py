"""POST /api/v1/sql."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from groundtrace_collector.access.caller import Called
from groundtrace_collector.query.user_sql import run_user_sql
from groundtrace_collector.state import collector_of

router = APIRouter(prefix="/api/v1/sql", tags=["sql"])


class Question(BaseModel):
    """What is asked."""

    sql: str = Field(description="One SELECT; docs/sql.md names the tables.")


@router.post("")
async def ask(request: Request, question: Question, caller: Called) -> JSONResponse:
    """Run one SELECT: `{"columns": [...], "rows": [{...}, ...]}`."""
    store = collector_of(request).store
    return JSONResponse(await run_user_sql(store, question.sql, project=caller.project))
