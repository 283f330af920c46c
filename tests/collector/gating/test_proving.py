"""Which scores may block a release."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from groundtrace_collector.gating.gate_file import GateFileError
from groundtrace_collector.gating.proving import judged_score, kept_calibrations, read_calibrations, standing
from groundtrace_evaluators.calibration import calibrate
from groundtrace_evaluators.score import Score, Status

if TYPE_CHECKING:
    from pathlib import Path


def _listed(**changes: Any) -> dict[str, Any]:
    return {"evaluator": "groundedness", "version": "1", "method": "lexical", "source": "evaluator"} | changes


def _calibration_file(folder: Path) -> str:
    labels = [
        (
            Score(
                name="groundedness",
                score=0.2 + 0.6 * good + n / 1_000,
                status=Status.OK,
                method="lexical",
                version="1",
            ),
            bool(good),
        )
        for n in range(60)
        for good in (0, 1)
    ]
    (folder / "c.json").write_text(calibrate(labels).to_json())
    return "c.json"


def test_without_human_labels_an_evaluator_is_unproven_and_its_threshold_uncalibrated() -> None:
    found = standing("fail_rate:groundedness", [_listed()], [])

    assert not found.proven
    assert found.reason.startswith("no human labels of groundedness 1 (lexical)")
    assert found.notes[-1] == "its threshold is not calibrated"


def test_wrong_cache_hits_rest_on_an_evaluator_like_any_fail_rate() -> None:
    assert judged_score("cache_wrong_hit_rate") == "cache_intent_match"

    found = standing("cache_wrong_hit_rate", [_listed(evaluator="cache_intent_match")], [])

    assert (found.proven, found.notes[-1]) == (False, "its threshold is not calibrated")


def test_a_calibration_with_agreement_proves_it(tmp_path: Path) -> None:
    calibrations = read_calibrations([_calibration_file(tmp_path)], tmp_path)

    found = standing("fail_rate:groundedness", [_listed()], calibrations)

    assert (found.proven, found.notes) == (True, ())
    assert found.reason.startswith("kappa 1.00")


def test_a_calibration_of_another_version_does_not(tmp_path: Path) -> None:
    calibrations = read_calibrations([_calibration_file(tmp_path)], tmp_path)

    assert not standing("score:groundedness", [_listed(version="2")], calibrations).proven


@pytest.mark.parametrize("changes", [{"source": "human"}, {"method": "ids"}], ids=["people", "ids"])
def test_people_and_ids_need_no_proof(changes: dict[str, str]) -> None:
    assert standing("score:groundedness", [_listed(**changes)], []).proven


@pytest.mark.parametrize("content", [None, "{}"], ids=["missing", "no-calibration"])
def test_a_calibration_that_cannot_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "c.json").write_text(content)

    with pytest.raises(GateFileError, match=r"gate\.calibrations: .*c\.json"):
        read_calibrations(["c.json"], tmp_path)


def test_a_calibration_that_the_collector_keeps_holds_for_its_project_and_stands_over_that_of_all(
    tmp_path: Path,
) -> None:
    calibration: dict[str, Any] = asdict(read_calibrations([_calibration_file(tmp_path)], tmp_path)[0])
    kept: list[dict[str, Any]] = [
        {"project": "shop", "calibration": calibration | {"threshold": 0.6}},
        {"project": None, "calibration": calibration},
        {"project": "library", "calibration": calibration},
    ]

    own = kept_calibrations(kept, [{"project": "shop"}, {"project": "shop"}])
    mixed = kept_calibrations(kept, [{"project": "shop"}, {"project": "library"}])

    assert [each.threshold for each in own] == [calibration["threshold"], 0.6]
    assert len(mixed) == 1
    assert standing("fail_rate:groundedness", [_listed(project="shop")], own).proven
