import json

import pytest

from groundtrace_evaluators import Evidence, Score, Status


@pytest.mark.parametrize(
    ("score", "status", "message"),
    [
        pytest.param(1.01, Status.OK, "must be a number in \\[0, 1\\], got 1.01", id="above one"),
        pytest.param(-0.1, Status.OK, "must be a number in \\[0, 1\\]", id="below zero"),
        pytest.param(float("nan"), Status.OK, "must be a number in \\[0, 1\\], got nan", id="nan"),
        pytest.param(None, Status.OK, "needs a number or a label", id="ok without number"),
        pytest.param(
            0.0, Status.ERROR, "must be None when status is error, got 0.0", id="failed with number"
        ),
        pytest.param(None, Status.TIMEOUT, "needs an explanation", id="failed without reason"),
    ],
)
def test_an_impossible_score_is_refused(score: float | None, status: Status, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Score(name="groundedness", score=score, status=status)


def test_a_score_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        Score(name="", score=1.0)


def test_a_label_alone_is_a_verdict() -> None:
    assert Score(name="refusal", score=None, label="refusal").status is Status.OK


def test_a_score_becomes_json_ready() -> None:
    score = Score(
        name="groundedness",
        score=0.5,
        explanation="half",
        evidence=(Evidence(text="A b.", score=0.5, supported=True, missing=("b",), passage=0),),
        method="lexical",
        version="1",
        cost_usd=0.0,
        latency_ms=1.5,
    )

    assert json.loads(json.dumps(score.as_dict())) == {
        "name": "groundedness",
        "score": 0.5,
        "label": None,
        "status": "ok",
        "explanation": "half",
        "evidence": [{"text": "A b.", "score": 0.5, "supported": True, "missing": ["b"], "passage": 0}],
        "method": "lexical",
        "version": "1",
        "cost_usd": 0.0,
        "latency_ms": 1.5,
    }
