"""What a job is: which evaluators, over which traces, how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from groundtrace_collector.jobs.budget import day_usd
from groundtrace_collector.jobs.schedule import next_run, parse_schedule

INTERNAL_PROJECT: Final = "groundtrace.internal"
"""groundtrace's own traces; no job ever evaluates them."""

DEFAULT_EVERY: Final = "1m"


class JobState(StrEnum):
    """``removed`` keeps the row, so that an old ledger can still be read by the job's name."""

    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


class Scope(BaseModel):
    """Which traces, and by which evaluators: the part that jobs and one-off runs share.

    ``where`` is a where-expression, ``cohort`` the name of a saved cohort, of project ``cohorts_of`` (None: of
    those of none), whose expression is taken as it stands at each look. ``sample`` is a share in (0, 1] picked by
    the hash of the trace id, so that the same traces are picked every time, by every job, and a smaller share is
    part of a larger one. ``always`` is a where-expression too: of the traces of ``where``, those it matches are
    taken whatever the sample says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    evaluators: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)]
    where: str | None = None
    cohort: str | None = None
    cohorts_of: str | None = None
    sample: float = 1.0
    always: str | None = None
    project: str | None = None

    @field_validator("evaluators")
    @classmethod
    def _once_each(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))

    @field_validator("where", "cohort", "always", "project")
    @classmethod
    def _blank_is_none(cls, text: str | None) -> str | None:
        return (text or "").strip() or None

    @field_validator("sample")
    @classmethod
    def _is_a_share(cls, sample: float) -> float:
        if not 0.0 < sample <= 1.0:
            raise ValueError(
                f"sample must be above 0 and at most 1, got {sample:g}; 0.1 scores a tenth of the traces"
            )
        return sample

    @field_validator("project")
    @classmethod
    def _not_our_own(cls, project: str | None) -> str | None:
        if project == INTERNAL_PROJECT:
            raise ValueError(
                f"project {INTERNAL_PROJECT} holds groundtrace's own traces and is never evaluated"
            )
        return project


class JobSpec(Scope):
    """A job as the user states it and the store keeps it."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.@-]+$")]
    every: str = DEFAULT_EVERY
    budget_usd: str | None = None
    """What its evaluators may spend, such as ``5/day`` (UTC)."""

    @field_validator("name", mode="wrap")
    @classmethod
    def _is_a_name(cls, name: object, check: ValidatorFunctionWrapHandler) -> object:
        try:
            return check(name)
        except ValidationError:
            raise ValueError(
                "name: a job's name has 1 to 200 letters, digits and . _ @ - and no other characters, "
                f"got {name!r}"
            ) from None

    @field_validator("budget_usd")
    @classmethod
    def _is_a_budget(cls, budget: str | None) -> str | None:
        text = (budget or "").strip()
        if not text:
            return None
        day_usd(text)
        return text

    @field_validator("every")
    @classmethod
    def _is_a_schedule(cls, every: str) -> str:
        parse_schedule(every)
        return every.strip()

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """The spec in ``values``; raises ValueError with one line that names every fault."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as exc:
            raise ValueError(one_line(exc)) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands. ``cursor`` is of the server sequence: all that was settled up to it is decided."""

    spec: JobSpec
    state: JobState
    cursor: int
    created_at: datetime
    last_run_at: datetime | None = None

    @property
    def name(self) -> str:
        """The job's name, by which it is kept."""
        return self.spec.name

    @property
    def day_usd(self) -> float | None:
        """What it may spend a day; None without a limit."""
        return None if self.spec.budget_usd is None else day_usd(self.spec.budget_usd)

    def next_run_at(self) -> datetime | None:
        """When it looks for due traces again, which may be in the past; None unless it is active."""
        if self.state is not JobState.ACTIVE:
            return None
        return next_run(self.spec.every, created_at=self.created_at, last_run_at=self.last_run_at)


def one_line(error: ValidationError) -> str:
    """A validation error's faults in one line, each with the field, the fault and the value."""
    return "; ".join(
        _fault(fault["loc"], fault["msg"], fault["type"], fault["input"]) for fault in error.errors()
    )


def _fault(location: tuple[int | str, ...], message: str, kind: str, value: object) -> str:
    message = message.removeprefix("Value error, ")
    if kind == "value_error":
        return message
    field = ".".join(str(part) for part in location) or "the body"
    if kind == "missing":
        return f"{field} is missing"
    return f"{field}: {message[:1].lower()}{message[1:]}, got {value!r}"
