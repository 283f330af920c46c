"""Saved cohorts: a name for a where-expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from groundtrace_collector.query.errors import QueryError, suggestion
from groundtrace_collector.query.times import iso_time, nanoseconds
from groundtrace_collector.query.where import compile_where
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from groundtrace_collector.store.store import Store

MAX_NAME = 200


async def list_saved(store: Store, *, project: str | None = None) -> list[dict[str, Any]]:
    """`{"name", "expression", "created_at"}` of every saved cohort, by name.

    A project has its own; ``project`` None means those that belong to none.
    """
    rows = await store.query(statement(__package__, "saved_cohorts"), {"project": project or ""})
    return [
        {
            "name": row["Name"],
            "expression": row["Expression"],
            "created_at": iso_time(nanoseconds(row["CreatedAt"])),
        }
        for row in rows
    ]


async def saved_expression(store: Store, name: str, *, project: str | None = None) -> str:
    """The expression saved as ``name``; raises QueryError that names the cohorts there are."""
    saved = {row["name"]: str(row["expression"]) for row in await list_saved(store, project=project)}
    if name in saved:
        return saved[name]
    known = (
        f"the saved cohorts are {', '.join(saved)}"
        if saved
        else "none is saved yet: `groundtrace cohorts save NAME EXPRESSION` saves one"
    )
    raise QueryError("unknown_cohort", f"no cohort is saved as {name!r}{suggestion(name, saved)}; {known}")


async def narrowed(
    store: Store, where: str | None, cohort: str | None, *, project: str | None = None
) -> str | None:
    """One expression for ``where`` and the saved cohort named ``cohort``, as that stands now; None for neither.

    ``project`` is the one whose cohorts are meant. Raises QueryError, for a wrong ``where`` at its own position.
    """
    if not cohort:
        return where
    expression = await saved_expression(store, cohort, project=project)
    if not where:
        return expression
    compile_where(where)
    return f"({where}) and ({expression})"


async def save_cohort(
    store: Store, *, name: str, expression: str, project: str | None = None
) -> dict[str, Any]:
    """Keep ``expression`` under ``name``, in place of what was there; returns it as listed.

    Raises WhereError when the expression does not compile, QueryError for a name that is empty or too long.
    """
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise QueryError(
            "invalid_name", f"a cohort's name has 1 to {MAX_NAME} printable characters, got {name!r}"
        )
    compile_where(expression)
    await _write(store, name=name, expression=expression, project=project, deleted=False)
    return next(row for row in await list_saved(store, project=project) if row["name"] == name)


async def forget_cohort(store: Store, name: str, *, project: str | None = None) -> None:
    """Remove a saved cohort; raises QueryError when there is none of this name."""
    expression = await saved_expression(store, name, project=project)
    await _write(store, name=name, expression=expression, project=project, deleted=True)


async def _write(store: Store, *, name: str, expression: str, project: str | None, deleted: bool) -> None:
    row = {
        "Name": name,
        "Project": project or "",
        "Expression": expression,
        "Deleted": deleted,
        "Seq": store.next_seq(),
    }
    await store.insert("saved_cohorts", [row])
