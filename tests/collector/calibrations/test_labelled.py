"""What labels say, and which scores they are held against."""

from typing import Any

import pytest

from groundtrace_collector.calibrations.labelled import labelled, meaning


@pytest.mark.parametrize(
    ("value", "text", "labels", "means"),
    [
        pytest.param(1.0, "", "feedback.thumbs", (True, False), id="thumb up"),
        pytest.param(-1.0, "", "feedback.thumbs", (False, True), id="thumb down"),
        pytest.param(1.0, "", "feedback.escalation", (False, True), id="escalated"),
        pytest.param(0.0, "", "feedback.manual_review", (True, False), id="not reviewed"),
        pytest.param(0.0, "", "feedback.helpful", (False, True), id="not helpful"),
        pytest.param(None, "wrong document", "feedback.failure_label", (None, None), id="text"),
        pytest.param(0.9, "", "human", (True, True), id="a person's score has the evaluator's sense"),
        pytest.param(0.2, "", "human", (False, False), id="a person's low score"),
        pytest.param(0.2, "pass", "human", (True, False), id="a person's label stands over the score"),
        pytest.param(None, "fail", "human", (False, True), id="a person's label alone"),
        pytest.param(None, "", "human", (None, None), id="nothing"),
    ],
)
def test_a_label_is_true_for_what_a_score_of_one_stands_for(
    value: float | None, text: str, labels: str, means: tuple[bool | None, bool | None]
) -> None:
    """Of groundedness, and of hallucination_score, whose 1 is worst."""
    assert tuple(meaning(value, text, labels=labels, lower=lower) for lower in (False, True)) == means


def test_only_the_newest_version_is_learnt_from_and_the_rest_is_counted() -> None:
    newest: dict[str, Any] = {
        "Evaluator": "judge",
        "EvaluatorVersion": "1.10",
        "Method": "judge:a",
        "LabelText": "",
    }
    rows = [
        newest | {"Score": 0.1, "LabelValue": 1.0, "EvaluatorVersion": "1.9"},
        newest | {"Score": 0.9, "LabelValue": 1.0},
        newest | {"Score": None, "LabelValue": -1.0},
        newest | {"Score": 0.4, "LabelValue": None, "LabelText": "hm"},
        newest | {"Score": 0.1, "LabelValue": 1.0, "Method": "judge:b"},
    ]

    found = labelled(rows, labels="feedback.thumbs", lower=False)

    assert [(score.score, label) for score, label in found.pairs] == [(0.9, True), (None, False)]
    assert {(score.name, score.version, score.method) for score, _ in found.pairs} == {
        ("judge", "1.10", "judge:a")
    }
    assert (found.other_versions, found.unclear) == (2, 1)


def test_no_rows_are_no_labels() -> None:
    assert labelled([], labels="human", lower=False).pairs == []
