"""Which traces a question is about: where-expression, saved cohort, time, project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.origins import NOTHING_KNOWN, ScoreOrigins, score_origins
from groundtrace_collector.query.saved import saved_expression
from groundtrace_collector.query.times import parse_time
from groundtrace_collector.query.where import Condition, Scope, compile_where, scores_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from groundtrace_collector.store.store import Store

INTERNAL_PROJECT = "groundtrace.internal"
"""groundtrace's own traces: shown only when a project is asked for."""

_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFilter:
    """The parameters that lists, counts, cohorts and comparisons share, as a user wrote them.

    ``cohort`` is the name of a saved cohort, of project ``cohorts_of``, None: of those of none. ``project``
    is the one a key is bound to. ``since`` and ``until``
    are ISO 8601 or ages; ``now`` is what ages count from.
    """

    where: str | None = None
    cohort: str | None = None
    since: str | None = None
    until: str | None = None
    project: str | None = None
    cohorts_of: str | None = None
    now: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A filter made ready: a condition over `traces`, its values, and the scope of further subqueries."""

    sql: str
    parameters: dict[str, object]
    scope: Scope
    expressed: bool = False
    """Whether an expression or a saved cohort narrows it, beside time and project."""


async def selection_of(store: Store, wanted: TraceFilter, *, scores: Iterable[str] = ()) -> Selection:
    """The condition for ``wanted``; raises QueryError for what cannot be understood or found.

    ``scores`` are names that the question needs beside those that its expressions mention.
    """
    cohort = (
        await saved_expression(store, wanted.cohort, project=wanted.cohorts_of) if wanted.cohort else None
    )
    mentioned = [name for text in (wanted.where, cohort) if text for name in scores_in(text)]
    origins = await score_origins(store, [*mentioned, *scores], project=wanted.project)
    return select(wanted, cohort_expression=cohort, origins=origins)


def select(
    wanted: TraceFilter, *, cohort_expression: str | None = None, origins: ScoreOrigins = NOTHING_KNOWN
) -> Selection:
    """As `selection_of`, with what the store knows at hand. Pure but for the clock."""
    now = wanted.now or datetime.now(UTC)
    since = _moment("since", wanted.since, now)
    until = _moment("until", wanted.until, now)
    if since is not None and until is not None and since >= until:
        raise QueryError("invalid_time", f"since ({wanted.since}) must be before until ({wanted.until})")
    scope = Scope(project=wanted.project, since_ns=since, origins=origins)
    compiled = [
        compile_where(text, scope=scope, now=now, prefix=prefix)
        for prefix, text in (("where", wanted.where), ("cohort", cohort_expression))
        if text
    ]
    conditions = [_in_time(since, until), _in_project(wanted.project, compiled), *compiled]
    parameters: dict[str, object] = {}
    for condition in conditions:
        parameters.update(condition.parameters)
    sql = " AND ".join(condition.sql for condition in conditions if condition.sql) or "1"
    return Selection(
        sql=sql,
        parameters={**parameters, **scope.parameters()},
        scope=scope,
        expressed=any(compiled),
    )


def _moment(name: str, text: str | None, now: datetime) -> int | None:
    if not text:
        return None
    try:
        return parse_time(text, now=now)
    except ValueError as error:
        raise QueryError("invalid_time", f"{name}: {error}") from None


def _in_time(since: int | None, until: int | None) -> Condition:
    """Start times in [since, until).

    The bounds themselves must not prune partitions: FINAL has to see every version of a row, and a late
    root may have moved it to a neighbouring day. So pruning gets a day of slack, and the exact bound goes
    through a function that the engine does not look behind.
    """
    parts: list[str] = []
    parameters: dict[str, object] = {}
    for name, moment, sign, slack in (("since", since, ">=", -_DAY_NS), ("until", until, "<", _DAY_NS)):
        if moment is None:
            continue
        parameters |= {f"{name}_ns": moment, f"{name}_slack_ns": moment + slack}
        parts.append(f"StartedAt {sign} fromUnixTimestamp64Nano({{{name}_slack_ns:Int64}})")
        parts.append(f"toUnixTimestamp64Nano(StartedAt) {sign} {{{name}_ns:Int64}}")
    return Condition(sql=" AND ".join(parts), parameters=parameters)


def _in_project(project: str | None, compiled: list[Condition]) -> Condition:
    if project is not None:
        return Condition(sql="Project = {bound_project:String}", parameters={"bound_project": project})
    if any("project" in condition.names for condition in compiled):
        return Condition(sql="", parameters={})
    return Condition(
        sql="Project != {internal_project:String}", parameters={"internal_project": INTERNAL_PROJECT}
    )
