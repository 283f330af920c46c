"""A whole replay: which cohorts win, which lose, and what is not comparable."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from groundtrace_collector.datasets.row import Row
from groundtrace_collector.replay.encoders import ObjectEncoder
from groundtrace_collector.replay.plan import Corpus, Document
from groundtrace_collector.replay.replay import Settings, replay
from groundtrace_collector.replay.report import Cohort, ReplayError, Report
from tests.collector.replay import letters
from tests.collector.replay.families import Hashed, new, old

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _rows(**sizes: int) -> list[Row]:
    return [
        Row(
            query=f"query {family} {n}",
            positive_ids=(f"{family}-{n}",),
            metadata={"doc_family": family},
        )
        for family, size in sizes.items()
        for n in range(size)
    ]


def _corpus(rows: list[Row]) -> Corpus:
    documents = (
        Document(id=row.positive_ids[0], content=row.query.replace("query", "document")) for row in rows
    )
    return Corpus(name="c", documents=tuple(documents))


def _run(rows: list[Row], base: object, candidate: object) -> Report:
    asked = Settings(by="metadata.doc_family")
    encoders = [
        ObjectEncoder(each, name, {}) for each, name in ((base, "m:base"), (candidate, "m:candidate"))
    ]
    return replay("rows", rows, _corpus(rows), encoders[0], encoders[1], asked, now=NOW)


@pytest.fixture(scope="module")
def report() -> Report:
    """Better on billing, worse on legal, and a family of five."""
    return _run(_rows(billing=120, legal=40, tiny=5), old, new)


def _cohorts(report: Report) -> dict[str, Cohort]:
    return {each.key: each for each in report.cohorts}


def test_better_on_average_and_worse_on_one_family_is_said_of_both(report: Report) -> None:
    verdicts = {key: each.metrics["recall@5"].verdict for key, each in _cohorts(report).items()}

    assert verdicts == {
        "*": "better",
        "billing": "better",
        "legal": "worse",
        "tiny": "insufficient data",
    }


def test_the_whole_is_first_and_wins_losses_and_gains_are_counted(report: Report) -> None:
    whole = report.cohorts[0]
    found = whole.metrics["recall@5"]

    assert (whole.key, whole.rows, whole.clusters) == ("*", 165, 165)
    assert found.difference.value == pytest.approx((found.wins - found.losses) / 165)
    assert (whole.judged["5"].gained, whole.judged["5"].lost) == (found.wins, found.losses)


class _TwoModels:
    """Asks one model about queries and another about documents, as LangChain's interface allows."""

    def embed_query(self, _: str) -> list[float]:
        return [1.0] * 4

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0] * 8 for _ in texts]


def _zeros(texts: list[str]) -> list[list[float]]:
    return [[0.0] * 8 for _ in texts]


def _changing(texts: list[str]) -> list[list[float]]:
    """Of another size where a batch is not full."""
    return [[1.0] * (8 if len(texts) == 256 else 9) for _ in texts]


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        pytest.param(_TwoModels(), "gave queries 4 numbers and documents 8", id="two-models"),
        pytest.param(_zeros, "gave every query a vector of zeros", id="zeros"),
        pytest.param(_changing, "gave no vectors of one size: 8 and 9 numbers", id="batches"),
    ],
)
def test_vectors_that_nothing_can_be_told_from_are_refused(candidate: object, said: str) -> None:
    with pytest.raises(ReplayError, match=f"'m:candidate' {said}"):
        _run(_rows(billing=300), old, candidate)


def test_margins_of_two_spaces_stand_side_by_side_without_a_difference(report: Report) -> None:
    margin, auroc = (report.cohorts[0].metrics[name] for name in ("margin", "margin_auroc"))

    assert margin.base.value is not None
    assert margin.candidate.value is not None
    assert (margin.difference.value, margin.p_value, margin.verdict) == (None, None, None)
    assert auroc.difference.low is not None
    assert auroc.verdict == "better"


def test_an_encoder_that_is_exact_has_no_noise_and_churn_is_measured_beside_it(report: Report) -> None:
    assert {each.value for name, each in report.base.noise.items() if name != "rbo"} == {0.0}
    churn = report.cohorts[0].churn["top1_changed"]
    assert churn.value is not None
    assert churn.value > 0.4


def test_an_encoder_that_changes_from_run_to_run_has_noise() -> None:
    rng = np.random.default_rng(3)
    rows = _rows(billing=30)

    def restless(texts: list[str]) -> list[list[float]]:
        return [[float(value) for value in rng.normal(0, 1, 8)] for _ in texts]

    found = _run(rows, restless, Hashed("2", {}))

    assert (found.base.noise["churn@5"].value or 0) > 0.3
    assert found.candidate.noise["churn@5"].value == 0.0


def test_an_encoder_against_itself_is_no_difference_and_says_so() -> None:
    same = Hashed("1", {"billing": 0.5})

    found = _run(_rows(billing=40), same, same)

    assert {each.verdict for each in found.cohorts[0].metrics.values()} == {"no difference"}
    assert any("compares an encoder with itself" in each for each in found.warnings)
    assert found.cohorts[0].metrics["margin"].difference.value == 0.0


def test_one_fingerprint_for_two_encoders_is_refused() -> None:
    rows = [Row(query="abc", positive_chunk="cab")]
    corpus = Corpus(name="c", documents=(Document(id="d", content="cab"),))
    encoders = [ObjectEncoder(each, "m:x", {}) for each in (letters.letters, letters.misnamed)]

    with pytest.raises(ReplayError, match="one fingerprint"):
        replay("rows", rows, corpus, encoders[0], encoders[1], Settings(), now=NOW)


def test_rows_of_one_document_are_one_cluster_when_asked() -> None:
    rows = [
        Row(
            query=f"query billing {n}",
            positive_ids=(f"billing-{n % 10}",),
            metadata={"doc_family": "billing"},
        )
        for n in range(60)
    ]
    documents = tuple(Document(id=f"billing-{n}", content=f"document billing {n}") for n in range(10))
    encoders = [ObjectEncoder(Hashed(each, {}), f"m:{each}", {}) for each in ("1", "2")]
    asked = Settings(cluster="document")

    whole = replay(
        "rows", rows, Corpus(name="c", documents=documents), encoders[0], encoders[1], asked, now=NOW
    ).cohorts[0]

    assert (whole.rows, whole.clusters) == (60, 10)
    assert whole.metrics["mrr"].verdict == "insufficient data"  # ten documents are no ground for a verdict


def test_the_report_is_read_back_as_it_was_written(report: Report) -> None:
    assert Report.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize(
    ("rows", "corpus", "by", "said"),
    [
        pytest.param([], True, None, "no rows", id="rows"),
        pytest.param(_rows(tiny=1), False, None, "has no documents", id="corpus"),
        pytest.param(_rows(tiny=1), True, "encoder", "--by must be metadata.KEY", id="by"),
    ],
)
def test_what_cannot_be_replayed_is_told(rows: list[Row], corpus: bool, by: str | None, said: str) -> None:  # noqa: FBT001
    documents = (Document(id="d", content="document tiny 0"),) if corpus else ()
    encoders = [ObjectEncoder(Hashed(each, {}), f"m:{each}", {}) for each in ("1", "2")]

    with pytest.raises(ReplayError, match=said):
        replay(
            "rows",
            rows,
            Corpus(name="c", documents=documents),
            encoders[0],
            encoders[1],
            Settings(by=by),
            now=NOW,
        )
