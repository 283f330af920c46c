"""The promises of DESIGN section 4, on human labels that lie beside the repository and are never shipped."""

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import rankdata

from groundtrace_evaluators import Case, get

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "evals"
GROUNDEDNESS_SETS = ("ragtruth_qa", "faithbench", "qags_cnndm", "qags_xsum", "begin", "wice")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the labelled data is not at {FOLDER}")


def rows(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["label"] is not None]


def auroc(labelled: list[dict[str, Any]], evaluator: str) -> float:
    """Chance that a good row outscores a bad one; rows without a score rank worst."""
    scores = [
        get(evaluator)
        .evaluate_case(Case(query=row["query"], context=tuple(row["context"]), answer=row["answer"]))
        .score
        for row in labelled
    ]
    ranks = rankdata([-1.0 if score is None else score for score in scores])
    good = [rank for rank, row in zip(ranks, labelled, strict=True) if row["label"] == 1]
    bad = len(labelled) - len(good)
    return float((sum(good) - len(good) * (len(good) + 1) / 2) / (len(good) * bad))


def test_groundedness_ranks_as_promised() -> None:
    found = {name: auroc(rows(name), "groundedness") for name in GROUNDEDNESS_SETS}

    assert found["ragtruth_qa"] >= 0.82, found
    assert sum(found.values()) / len(found) >= 0.78, found


def test_context_relevance_ranks_as_promised() -> None:
    assert auroc(rows("wikiqa_relevance"), "context_relevance") >= 0.73
