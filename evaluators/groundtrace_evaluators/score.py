"""What an evaluator hands back: a number, or the reason why there is none."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

EXCERPT_CHARS = 200


class Status(StrEnum):
    """How an evaluation ended; only ``OK`` carries a score.

    ``SKIPPED`` means an input that the evaluator needs was not there; ``ABSTAINED`` that the answer
    declines to answer; ``NO_CLAIMS`` that the text holds nothing to check. The others say how a model
    behind the evaluator failed. None of them is ever turned into a 0 or a 1.
    """

    OK = "ok"
    ABSTAINED = "abstained"
    NO_CLAIMS = "no_claims"
    SKIPPED = "skipped"
    PARSE_ERROR = "parse_error"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    BUDGET_EXHAUSTED = "budget_exhausted"
    TRUNCATED = "truncated"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One piece of text that a score rests on."""

    text: str
    """The sentence, or the start of the passage."""
    score: float
    """In [0, 1]: how well this piece fares by itself, 1 is best."""
    supported: bool
    """Whether the evaluator found enough for it."""
    missing: tuple[str, ...] = ()
    """The words and numbers of ``text`` that were looked for and not found."""
    passage: int | None = None
    """Index, from 0, of the context passage that supports ``text`` best (or that ``text`` is)."""


def excerpt(text: str) -> str:
    """The start of a passage, short enough to store with every score; ``passage`` says which one it is."""
    return text if len(text) <= EXCERPT_CHARS else text[: EXCERPT_CHARS - 1] + "\u2026"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One evaluator's verdict on one case.

    Raises ValueError when a score comes with a status other than ``OK``, when ``OK`` comes with neither
    score nor label, when the score is not a finite number in [0, 1], and when a status other than ``OK``
    gives no explanation.
    """

    name: str
    score: float | None
    """In [0, 1]; which end is best is the evaluator's ``direction``. None unless ``status`` is ``OK``."""
    label: str | None = None
    status: Status = Status.OK
    explanation: str | None = None
    evidence: tuple[Evidence, ...] = ()
    method: str = ""
    version: str = ""
    cost_usd: float | None = None
    """US dollars paid for this verdict; 0.0 for local methods, None where the price is not known."""
    latency_ms: float | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a score needs a name, got an empty one")
        if self.status is Status.OK:
            self._check_ok()
        elif self.score is not None:
            raise ValueError(f"score must be None when status is {self.status}, got {self.score}")
        elif not self.explanation:
            raise ValueError(f"a score with status {self.status} needs an explanation that says why")

    def _check_ok(self) -> None:
        if self.score is None:
            if self.label is None:
                raise ValueError("a score with status ok needs a number or a label, got neither")
        elif not (math.isfinite(self.score) and 0.0 <= self.score <= 1.0):
            raise ValueError(f"score must be a number in [0, 1], got {self.score}")

    def as_dict(self) -> Mapping[str, object]:
        """This score as JSON-ready values, keyed like the fields; evidence is a list of objects."""
        return asdict(self) | {
            "status": self.status.value,
            "evidence": [asdict(piece) | {"missing": list(piece.missing)} for piece in self.evidence],
        }
