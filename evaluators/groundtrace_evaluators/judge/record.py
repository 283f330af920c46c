"""What a judged score says beside its number."""

from dataclasses import dataclass, field, replace

from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.score import Evidence, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedEvidence(Evidence):
    """One claim or passage with the judge's verdict."""

    verdict: str
    """As it counts, after its quotes were looked up."""
    said: str
    """As the judge gave it; differs where no quote could be found."""
    quotes: tuple[str, ...] = ()
    """Those that stand in the passage they name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRecord:
    """How a verdict came about."""

    model: str
    """The model that the endpoint named, else the one asked for."""
    calls: int = 0
    """Requests made, failed ones and repairs included; 0 for a verdict from the cache."""
    tokens_in: int = 0
    tokens_out: int = 0
    """What the endpoint counted; the upper bound for a call whose usage is unknown."""
    cached: bool = False
    lexical_score: float | None = None
    """The deterministic score of the same case; None where that has none."""
    disagrees: bool = False
    """Whether the two lie further apart than the setting ``disagreement``."""
    planted: tuple[str, ...] = ()
    """Sentences of the inputs that speak to a grader."""
    replies: tuple[str, ...] = ()
    """What the judge wrote, word for word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvidence(Evidence):
    """The record as the last piece of the evidence, so that it is stored with the score."""

    model: str
    tokens_in: int
    tokens_out: int
    calls: int
    lexical_score: float | None
    disagrees: bool
    planted: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedVerdict(Verdict):
    """A verdict with its record."""

    record: JudgeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedScore(Score):
    """A score with the record of how the judge came to it; None where the judge was not asked."""

    record: JudgeRecord | None = field(default=None)

    def as_dict(self) -> dict[str, object]:
        """The fields of every score; the record is the last piece of the evidence."""
        values = dict(super(JudgedScore, self).as_dict())
        del values["record"]
        return values


def recorded(verdict: JudgedVerdict) -> JudgedVerdict:
    """The verdict with its record as the last piece of evidence, where it has a score."""
    record, score = verdict.record, verdict.score
    if score is None:
        return verdict
    beside = "none" if record.lexical_score is None else f"{record.lexical_score:.2f}"
    piece = RecordEvidence(
        text=f"judged by {record.model}; deterministic score beside it: {beside}",
        score=score if record.lexical_score is None else record.lexical_score,
        supported=True,  # it is about the score: no piece of the answer lacks support for it
        model=record.model,
        tokens_in=record.tokens_in,
        tokens_out=record.tokens_out,
        calls=record.calls,
        lexical_score=record.lexical_score,
        disagrees=record.disagrees,
        planted=record.planted,
    )
    return replace(verdict, evidence=(*verdict.evidence, piece))
