"""A change to a job, as the API takes it: a new job, other conditions, another state."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from groundtrace_collector.errors import ApiError
from groundtrace_collector.jobs.catalog import versions_of
from groundtrace_collector.jobs.job import Job, JobSpec, JobState, Scope
from groundtrace_collector.query.where import compile_where

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_MAY_BE_NONE: Final = frozenset({"where", "cohort", "always", "project", "budget_usd"})


class JobChange(BaseModel):
    """What is given replaces what the job had; a job that is new needs ``evaluators``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    evaluators: tuple[str, ...] | None = None
    where: str | None = None
    cohort: str | None = None
    sample: float | None = None
    always: str | None = None
    every: str | None = None
    budget_usd: str | None = None
    project: str | None = None
    state: Literal["active", "paused", "removed"] | None = None


def changed_job(
    job: Job | None,
    change: JobChange,
    *,
    cursor: int,
    now: datetime,
    offered: Mapping[str, str] = _NONE,
    cohorts_of: str | None = None,
) -> Job:
    """The job after the change; ``job`` None means that there is none, and a new one starts at ``cursor``.

    ``offered`` are the versions of evaluators that workers have and this process has not; ``cohorts_of`` is the
    project of whoever asks, whose saved cohorts a ``cohort`` is one of.

    Raises ApiError: 400 for what is wrong with the job, 404 for pausing or removing one that is not there.
    """
    if job is None and change.evaluators is None:
        only_state = change.state is not None and change.model_fields_set <= {"name", "state", "project"}
        hint = (
            "`groundtrace jobs list` shows those there are"
            if only_state
            else "a new one needs evaluators, such as groundedness"
        )
        raise ApiError(404, "job_not_found", f"there is no job {change.name!r}; {hint}")
    given = {
        name: getattr(change, name)
        for name in change.model_fields_set - {"name", "state"}
        if name in _MAY_BE_NONE or getattr(change, name) is not None
    }
    if "cohort" in given:
        given["cohorts_of"] = cohorts_of
    kept = {} if job is None else job.spec.model_dump()
    try:
        spec = JobSpec.from_values({"name": change.name} | kept | given)
    except ValueError as exc:
        raise ApiError(400, "invalid_job", str(exc)) from exc
    if given:
        check_scope(spec, offered)
    return Job(
        spec=spec,
        state=JobState(change.state or (job.state if job else JobState.ACTIVE)),
        cursor=job.cursor if job else cursor,
        created_at=job.created_at if job else now,
        last_run_at=job.last_run_at if job else None,
    )


def change_within(change: JobChange, project: str | None) -> JobChange:
    """The change as one who reaches only ``project`` may make it: the job's traces are that project's."""
    return JobChange(**change.model_dump(exclude_unset=True) | {"project": project})


def visible_job(job: Job | None, change: JobChange, project: str | None) -> Job | None:
    """The job that is to be changed, where it is of ``project``, None: of any.

    Raises ApiError: 409 where a new job would take the name of one that cannot be seen, 404 where one that
    cannot be seen would be paused or removed.
    """
    if job is None or project is None or job.spec.project == project:
        return job
    if change.evaluators is None:
        return None
    raise ApiError(409, "name_taken", f"another project has a job {change.name!r}: name yours otherwise")


def check_scope(scope: Scope, offered: Mapping[str, str] = _NONE) -> None:
    """Raise ApiError (400) for an unknown evaluator or a where-expression that is not one."""
    versions_of(scope.evaluators, offered)
    for text in (scope.where, scope.always):
        if text is not None:
            compile_where(text)
