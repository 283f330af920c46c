"""The promises of DESIGN section 4, on human labels that lie beside the repository and are never shipped."""

import json
from collections.abc import Callable
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


def auroc(labelled: list[dict[str, Any]], evaluator: str, case: Callable[[dict[str, Any]], Case]) -> float:
    """Chance that a good row outscores a bad one; rows without a score rank worst."""
    scores = [get(evaluator).evaluate_case(case(row)).score for row in labelled]
    ranks = rankdata([-1.0 if score is None else score for score in scores])
    good = [rank for rank, row in zip(ranks, labelled, strict=True) if row["label"] == 1]
    bad = len(labelled) - len(good)
    return float((sum(good) - len(good) * (len(good) + 1) / 2) / (len(good) * bad))


def answered(row: dict[str, Any]) -> Case:
    return Case(query=row["query"], context=tuple(row["context"]), answer=row["answer"])


def test_groundedness_ranks_as_promised() -> None:
    found = {name: auroc(rows(name), "groundedness", answered) for name in GROUNDEDNESS_SETS}

    assert found["ragtruth_qa"] >= 0.82, found
    assert sum(found.values()) / len(found) >= 0.78, found


def test_context_relevance_ranks_as_promised() -> None:
    assert auroc(rows("wikiqa_relevance"), "context_relevance", answered) >= 0.73


def test_answer_relevance_tells_sentences_that_answer() -> None:
    found = auroc(
        rows("wikiqa_relevance"),
        "answer_relevance",
        lambda row: Case(query=row["query"], answer=row["context"][0]),
    )

    assert found >= 0.72


def test_context_recall_tells_claims_that_the_context_supports() -> None:
    found = auroc(
        rows("wice"),
        "context_recall",
        lambda row: Case(query=row["query"], context=tuple(row["context"]), expected=row["answer"]),
    )

    assert found >= 0.78


def test_citations_of_the_right_evidence_outscore_citations_of_other_sentences() -> None:
    pairs = []
    for row in rows("wice"):
        gold = row["support_idx"]
        others = [place for place in range(len(row["context"])) if place not in gold][: len(gold)]
        if row["label"] == 1 and others:
            pairs += [row | {"cited": gold}, row | {"cited": others, "label": 0}]

    def cited(row: dict[str, Any]) -> Case:
        marks = "".join(f"[{place + 1}]" for place in row["cited"])
        answer = f"{row['answer'].rstrip('. ')} {marks}."
        return Case(query=row["query"], context=tuple(row["context"]), answer=answer)

    assert auroc(pairs, "citation_correctness", cited) >= 0.97


def test_cached_queries_of_the_same_intent_outscore_confusable_ones() -> None:
    found = auroc(
        rows("banking77_cache"),
        "cache_intent_match",
        lambda row: Case(query=row["query"], cached_query=row["answer"]),
    )

    assert found >= 0.66
