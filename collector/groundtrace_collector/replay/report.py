"""The report of a replay: its JSON, which `groundtrace gate` and `groundtrace card` read.

```
{"kind": "replay", "format": 1, "created_at", "dataset": {"name", "rows", "digest"},
 "corpus": {"name", "documents", "digest"}, "k": [5, 10], "by", "cluster", "warnings": [...],
 "base": encoder, "candidate": encoder,
 "cohorts": [{"key", "rows", "clusters", "metrics": {NAME: compared}, "churn": {NAME: value},
              "judged": {"5": {"gained", "lost"}}}]}
encoder:  {"name", "address", "fingerprint", "dimension", "query_ms": value, "query_ms_p95",
           "texts_per_s", "tokens", "noise": {NAME: value}}
compared: {"base": value, "candidate": value, "difference": value, "paired": true, "wins", "losses",
           "direction", "p_value", "adjusted_p_value", "verdict"}
value:    {"value", "low", "high", "n"}
```

The whole is the first cohort, under the key `*`; intervals are of 95 %, before correction.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from groundtrace_collector.errors import CollectorError

Verdict = Literal["better", "worse", "no difference", "insufficient data"]
Direction = Literal["higher", "lower"]
Cluster = Literal["query", "document"]

WHOLE = "*"
"""The key of the cohort that holds every row."""


class ReplayError(CollectorError):
    """A replay that cannot be run, or a report that is none: what, which value, what to do."""


class _Part(BaseModel, frozen=True, extra="forbid"):
    pass


class Figure(_Part):
    """An estimate with its 95 % interval; what is undefined is null, `n` (rows) always stands."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class Compared(_Part):
    """One measure of both encoders over the same rows. `wins` are rows on which the candidate is better.

    `difference` is candidate minus base; it is undefined, and so is the verdict, for a measure on each
    encoder's own scale (`margin`) when the spaces differ.
    """

    base: Figure
    candidate: Figure
    difference: Figure
    paired: Literal[True] = True
    wins: int
    losses: int
    direction: Direction
    p_value: float | None
    adjusted_p_value: float | None
    verdict: Verdict | None


class Judged(_Part):
    """Relevant documents that the candidate has among its first k and the base has not, and the reverse."""

    gained: int
    lost: int


class Cohort(_Part):
    """The measures of one cohort; `key` is the value of the dimension, `*` for all rows."""

    key: str
    rows: int
    clusters: int
    metrics: dict[str, Compared]
    churn: dict[str, Figure]
    judged: dict[str, Judged]


class EncoderFacts(_Part):
    """What was seen of one encoder: `query_ms` is the median of single queries, `tokens` null if unknown.

    `noise` is the churn between two runs of the same encoder: what is not more is no change.
    """

    name: str
    address: str
    fingerprint: str
    dimension: int
    query_ms: Figure
    query_ms_p95: float | None
    texts_per_s: float
    tokens: int | None
    noise: dict[str, Figure]


class DatasetFacts(_Part):
    """Which rows were replayed; `digest` is a hash of them."""

    name: str
    rows: int
    digest: str


class CorpusFacts(_Part):
    """What was searched; `digest` is a hash of it."""

    name: str
    documents: int
    digest: str


class Report(_Part):
    """A whole replay."""

    kind: Literal["replay"] = "replay"
    format: Literal[1] = 1
    created_at: datetime
    dataset: DatasetFacts
    corpus: CorpusFacts
    k: Annotated[tuple[int, ...], Field(min_length=1)]
    by: str | None
    cluster: Cluster
    base: EncoderFacts
    candidate: EncoderFacts
    warnings: tuple[str, ...]
    cohorts: Annotated[tuple[Cohort, ...], Field(min_length=1)]


class Effect(Figure):
    """What one factor changes, averaged over the other; of the interaction, how far the two do not add up."""

    p_value: float | None
    adjusted_p_value: float | None
    verdict: Verdict | Literal["interaction", "no interaction"]


class FourCells(_Part):
    """One measure of each encoder over each corpus, and what the encoder and the corpus have to do with it.

    A cell is named for its encoder, then its corpus. With y(encoder, corpus): ``encoder`` is the mean of
    y(candidate, c) - y(base, c) over both corpora, ``corpus`` the mean of y(e, candidate) - y(e, base) over both
    encoders, ``interaction`` the first difference over the new corpus less that over the old.
    """

    base_base: Figure
    candidate_base: Figure
    base_candidate: Figure
    candidate_candidate: Figure
    encoder: Effect
    corpus: Effect
    interaction: Effect


class FourCellsCohort(_Part):
    """The measures of one cohort; `key` is the value of the dimension, `*` for all rows."""

    key: str
    rows: int
    clusters: int
    metrics: dict[str, FourCells]


class TwoByTwoReport(_Part):
    """Old and new corpus times old and new encoder; facts of the encoders are those over the old corpus."""

    kind: Literal["replay-2x2"] = "replay-2x2"
    format: Literal[1] = 1
    created_at: datetime
    dataset: DatasetFacts
    base_corpus: CorpusFacts
    candidate_corpus: CorpusFacts
    k: Annotated[tuple[int, ...], Field(min_length=1)]
    by: str | None
    cluster: Cluster
    base: EncoderFacts
    candidate: EncoderFacts
    warnings: tuple[str, ...]
    cohorts: Annotated[tuple[FourCellsCohort, ...], Field(min_length=1)]


def read_report(path: Path) -> Report:
    """The report in the file. Raises ReplayError that says what is wrong with it."""
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReplayError(f"{path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ReplayError(
            f"{path} is no report of `groundtrace replay`: {field + ': ' if field else ''}{first['msg']}"
        ) from error
