"""What workers and the collector say to each other, as JSON."""

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from groundtrace_evaluators.score import Status

MAX_BATCH: Final = 1_000
"""Tasks in one lease at most."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EvaluatorRef(_Message):
    """An evaluator as scores are kept by it."""

    name: str
    version: str


class ClaimRequest(_Message):
    """A worker asks for work. ``evaluators`` are the versions that it has; only those are handed out."""

    worker: Annotated[str, Field(max_length=200)]
    evaluators: dict[str, str]
    configured: dict[str, str] = {}
    """Those of them that the worker's own settings made, which the collector cannot know otherwise."""
    limit: Annotated[int, Field(ge=1, le=MAX_BATCH)] = 100
    run: str | None = None
    """Ask only for this run's tasks."""


class CaseMessage(_Message):
    """One trace with what evaluators see of it; passages and ids are ordered best first."""

    project: str
    trace_id: str
    span_id: str = ""
    """Of the trace's root."""
    input_hash: int
    query: str | None
    context: tuple[str, ...]
    context_ids: tuple[str, ...] = ()
    """The id of each passage, '' where it has none."""
    answer: str | None
    expected: str | None = None
    """The answer that was hoped for, of the metadata's ``expected_answer`` or the dataset row."""
    cached_query: str | None = None
    """The earlier query whose answer a semantic cache handed out."""
    retrieved_ids: tuple[str, ...]
    retrieved_scores: tuple[float, ...] = ()
    """Of each of ``retrieved_ids``, higher is nearer; empty where one is not known."""
    relevant_ids: tuple[str, ...]
    evaluators: tuple[EvaluatorRef, ...]


class RunStatus(_Message):
    """How far a run has come. Counts are of tasks: one evaluator over one trace each."""

    run: str
    job: str
    total: int
    """Undecided when the run began; what others decide meanwhile does not come off."""
    decided: dict[str, int]
    """By status, what was decided on behalf of this run."""
    scores_added: int
    waiting: int
    """Traces left out because their root has not arrived yet and may still come."""
    finished: bool
    spent_usd: float = 0.0
    """What was spent and reserved of the run's budget, where it has one."""
    out_of_budget: bool = False
    """It ended because a budget would not cover what is left, which stays undecided."""


class ClaimReply(_Message):
    """Cases under a lease, or none and the seconds to wait before asking again."""

    lease: str | None = None
    lease_s: float = 0.0
    """The lease ends so long after the last message about it."""
    cases: tuple[CaseMessage, ...] = ()
    budgeted: bool = False
    """The worker has to reserve what the cases can cost before it begins."""
    wait_s: float = 0.0
    run: RunStatus | None = None


class ScoreMessage(_Message):
    """An evaluator's verdict; the fields of ``groundtrace_evaluators.Score``."""

    name: str
    version: str
    score: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] | None
    label: str | None = None
    status: Status
    explanation: str | None = None
    evidence: list[dict[str, Any]] = []
    method: str = ""
    cost_usd: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None
    latency_ms: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _score_goes_with_ok(self) -> Self:
        if self.status is Status.OK and self.score is None and self.label is None:
            raise ValueError("status ok needs a score or a label, got neither")
        if self.status is not Status.OK and self.score is not None:
            raise ValueError(f"score must be null when status is {self.status}, got {self.score}")
        return self


class Result(_Message):
    """One verdict on one trace with these inputs."""

    project: str
    trace_id: str
    input_hash: int
    score: ScoreMessage
    threshold: float | None = None
    """The one that the score is read against, where only the worker has the evaluator."""


class Bound(_Message):
    """The most that one evaluator can cost on one case, in US dollars; None where that is not known."""

    project: str
    trace_id: str
    input_hash: int
    evaluator: EvaluatorRef
    most_usd: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None


class ReserveRequest(_Message):
    """A worker asks for money before it begins."""

    lease: str
    bounds: Annotated[tuple[Bound, ...], Field(max_length=50 * MAX_BATCH)]


class ReserveReply(_Message):
    """Whether each may be made, in order; what may not is the collector's affair."""

    granted: tuple[bool, ...] = ()
    lease_lost: bool = False


class ResultsRequest(_Message):
    """Verdicts under a lease; an empty list only renews it. ``done`` gives back what is left undone."""

    lease: str
    results: Annotated[tuple[Result, ...], Field(max_length=MAX_BATCH)] = ()
    done: bool = False


class ResultsReply(_Message):
    """What became of the results. ``lease_lost``: the lease had run out, its cases are others' by now."""

    accepted: int
    dropped: int
    lease_lost: bool = False


class RunRequest(_Message):
    """A run over everything that the ledger lacks: of a job, or of evaluators and conditions given here."""

    job: str | None = None
    evaluators: tuple[str, ...] = ()
    where: str | None = None
    cohort: str | None = None
    """The name of a saved cohort, as it stands when the run begins."""
    project: str | None = None
    sample: float = 1.0
    always: str | None = None
    budget_usd: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """What this run may spend; a job's own budget holds beside it."""
    configured: dict[str, str] = {}
    """Versions of the evaluators that the asker's own settings made."""
    since: str | None = None
    until: str | None = None
