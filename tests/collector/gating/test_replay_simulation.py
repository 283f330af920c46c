"""Gates over real replays of equal encoders: how often they fail."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from groundtrace_collector.datasets.row import Row
from groundtrace_collector.gating.decision import decide
from groundtrace_collector.gating.evidence import of_replay
from groundtrace_collector.gating.gate_file import GateFile
from groundtrace_collector.replay.encoders import ObjectEncoder
from groundtrace_collector.replay.plan import Corpus, Document
from groundtrace_collector.replay.replay import Settings, replay

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAMILIES = {"billing": 80, "legal": 40, "rare": 25}
GATE = GateFile.model_validate(
    {
        "replay": {"report": "report.json"},
        "rule": [{"kind": "no-regression", "metric": metric} for metric in ("recall@5", "mrr")],
    }
)
ROWS = [
    Row(query=f"query {place}", positive_ids=(f"document {place}",), metadata={"doc_family": family})
    for place, family in enumerate(family for family, size in FAMILIES.items() for _ in range(size))
]
CORPUS = Corpus(
    name="c",
    documents=tuple(Document(id=each.positive_ids[0], content=each.positive_ids[0]) for each in ROWS),
)


@cache
def _direction(number: int) -> NDArray[np.float64]:
    return np.random.default_rng(number).normal(0, 1, 16)


class Forgetful:
    """An encoder that knows each document, and loses a query the more often the harder it is."""

    model_name = "forgetful"

    def __init__(self, seed: int, side: int) -> None:
        self.model_version = str(side)
        self._lots = np.random.default_rng([seed, side]).random(len(ROWS))
        self._hard = np.random.default_rng([seed, 9]).random(len(ROWS))  # a question is as hard for both

    def encode(self, texts: list[str]) -> NDArray[np.float64]:
        """A document's direction; of a lost query another's."""
        return np.stack([self._vector(*text.split()) for text in texts])

    def _vector(self, kind: str, number: str) -> NDArray[np.float64]:
        place = int(number)
        lost = kind == "query" and self._lots[place] < 0.1 + 0.6 * self._hard[place]
        return _direction(place + len(ROWS) * (1 + int(self.model_version)) if lost else place)


def _passes(seed: int) -> bool:
    encoders = [ObjectEncoder(Forgetful(seed, side), f"m:{side}", {}) for side in (0, 1)]
    asked = Settings(k=(5,), by="metadata.doc_family")
    report = replay("rows", ROWS, CORPUS, encoders[0], encoders[1], asked, now=datetime.now(UTC))
    return decide(GATE, of_replay(report), {}).passed


@pytest.mark.verify
@pytest.mark.timeout(1_800)
def test_of_400_gates_over_replays_of_equal_encoders_at_most_7_percent_fail() -> None:
    share = sum(not _passes(seed) for seed in range(400)) / 400

    print(f"gates over replays of equal encoders that fail: {share:.4f} of 400")  # noqa: T201
    assert share <= 0.07
