"""Which evaluators may block a release."""

from random import Random

import pytest

from groundtrace_evaluators import Calibration, Score, Status, calibrate, names, proof
from groundtrace_evaluators.registry import get

JUDGE = ("judged_groundedness", "3+abc", "judge:small")


def labelled(agreement: float, n: int = 200) -> Calibration:
    """Calibrated on a judge that says what a person says in this share of the cases."""
    random = Random(0)  # noqa: S311 - which cases agree, not a secret
    labels = []
    for index in range(n):
        truth = index % 2 == 0
        said = truth if random.random() < agreement else not truth
        score = Score(
            name=JUDGE[0], version=JUDGE[1], method=JUDGE[2], status=Status.OK, score=0.9 if said else 0.1
        )
        labels.append((score, truth))
    return calibrate(labels)


@pytest.mark.parametrize(
    ("agreement", "proven"),
    [
        pytest.param(0.95, True, id="agrees"),
        pytest.param(0.7, False, id="lower-bound-too-low"),
        pytest.param(0.5, False, id="a-coin"),
    ],
)
def test_a_judge_is_proven_by_the_lower_bound_of_its_kappa(agreement: float, proven: bool) -> None:  # noqa: FBT001
    found = proof(*JUDGE, calibration=labelled(agreement))

    assert found.proven is proven
    assert found.reason.startswith("kappa ")
    assert ("must reach 0.4" in found.reason) is not proven


def test_few_labels_do_not_prove_what_many_do() -> None:
    assert proof(*JUDGE, calibration=labelled(0.78, n=2_000)).proven
    assert not proof(*JUDGE, calibration=labelled(0.78, n=120)).proven


@pytest.mark.parametrize(
    "other",
    [("other", *JUDGE[1:]), (JUDGE[0], "other", JUDGE[2]), (*JUDGE[:2], "judge:other")],
    ids=["name", "version", "model"],
)
def test_another_judge_version_or_model_is_not_proven(other: tuple[str, str, str]) -> None:
    found = proof(*other, calibration=labelled(0.95))

    assert not found.proven
    assert "calibrate anew" in found.reason


def test_labels_of_plain_numbers_prove_nothing() -> None:
    numbers = calibrate([(0.9, True), (0.1, False)] * 50)

    assert "plain numbers" in proof(*JUDGE, calibration=numbers).reason


@pytest.mark.parametrize("name", names())
def test_without_labels_only_measures_over_ids_are_proven(name: str) -> None:
    evaluator = get(name)

    found = proof(evaluator.name, evaluator.version, evaluator.method, calibration=None)

    assert found.proven is (evaluator.method == "ids")


@pytest.mark.parametrize(
    ("version", "method", "said"),
    [("", "", "of polite:"), ("2", "", "of polite 2:"), ("", "rules", "of polite (rules):")],
    ids=["name only", "version", "method"],
)
def test_a_score_without_version_or_method_is_named_by_what_it_has(
    version: str, method: str, said: str
) -> None:
    assert said in proof("polite", version, method, calibration=None).reason
