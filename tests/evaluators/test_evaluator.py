import logging
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

from groundtrace_evaluators import (
    Case,
    ContextRelevance,
    EmbeddingSimilarity,
    Evaluator,
    Field,
    Groundedness,
    HallucinationScore,
    Status,
    Verdict,
    custom,
    get,
    names,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "evaluators.md"
SHIPPED = tuple(
    name
    for name in names()
    if type(get(name)).__module__.startswith("groundtrace_evaluators.")
    and type(get(name)).__module__ != custom.__name__
)
"""Without those that other tests made in this process."""
BERN = "Bern is the capital of Switzerland. It lies on the Aare."


class Fragile(Evaluator):
    """Fails on purpose."""

    name: ClassVar[str] = "fragile"
    version: ClassVar[str] = "7"
    method: ClassVar[str] = "test"
    needs: ClassVar[frozenset[Field]] = frozenset({Field.ANSWER})

    def judge(self, case: Case) -> Verdict:
        raise RuntimeError(f"cannot read {case.answer}")


def test_the_calls_of_the_design_give_scores() -> None:
    query = "What is the capital of Switzerland?"
    answer = "The capital of Switzerland is Bern."

    assert ContextRelevance().evaluate(input=query, output=[BERN]).score == 1.0
    assert Groundedness().evaluate(input=[BERN], output=answer).score == pytest.approx(1.0, abs=0.1)
    assert HallucinationScore().evaluate(input=BERN, output=answer, query=query).score == pytest.approx(
        0.0, abs=0.1
    )
    assert EmbeddingSimilarity().evaluate(response=query, expected_response=query).score == pytest.approx(1.0)


async def test_the_asynchronous_call_gives_the_same_score() -> None:
    answer = "Bern has 300 towers."

    assert (await Groundedness().aevaluate(input=BERN, output=answer)).score == (
        Groundedness().evaluate(input=BERN, output=answer).score
    )
    assert (await ContextRelevance().aevaluate(input="Aare", output=BERN)).score == 1.0
    assert (
        await EmbeddingSimilarity().aevaluate(response="Aare", expected_response="Aare")
    ).score == pytest.approx(1)


def test_many_cases_keep_their_order() -> None:
    cases = [
        Case(context=(BERN,), answer=answer) for answer in ("It lies on the Aare.", "Elephants fly.", "")
    ]

    good, bad, absent = Groundedness().evaluate_many(cases)

    assert good.score == 1.0
    assert bad.score is not None
    assert bad.score < 0.5
    assert absent.status is Status.SKIPPED


@pytest.mark.parametrize("name", names())
def test_an_empty_case_is_skipped_with_the_reason(name: str) -> None:
    score = get(name).evaluate_case(Case())

    assert score.status is Status.SKIPPED
    assert score.explanation is not None
    assert score.explanation.startswith("the case has no ")


def test_white_space_counts_as_absent() -> None:
    score = Groundedness().evaluate(input=["  ", "\n"], output="\t")

    assert (score.status, score.explanation) == (Status.SKIPPED, "the case has no context and no answer")


@pytest.mark.parametrize("name", names())
def test_every_evaluator_says_what_it_is(name: str) -> None:
    evaluator = get(name)

    assert evaluator.name == name
    assert evaluator.version
    assert evaluator.method
    assert 0.0 <= evaluator.threshold <= 1.0
    assert evaluator.needs


@pytest.mark.parametrize("name", SHIPPED)
def test_every_docstring_states_method_version_threshold_limits_and_what_was_measured(name: str) -> None:
    evaluator = get(name)
    words = " ".join((type(evaluator).__doc__ or "").split())

    assert re.search(rf"Method: [^.]*\b{evaluator.method}, version {evaluator.version}\b", words)
    assert f"Threshold: {evaluator.threshold:g}" in words
    assert "Limits: " in words
    assert "Measured: " in words or "measured with it" in words


def test_the_docs_have_the_methods_versions_and_thresholds_of_the_code() -> None:
    told = re.findall(
        r"^\| `(\w+)` \| (\w+ \d+) \| (above|below) (\S+) \|", DOCS.read_text("utf-8"), re.MULTILINE
    )

    assert sorted(told) == sorted(
        (
            name,
            f"{get(name).method} {get(name).version}",
            "above" if get(name).direction == "lower" else "below",
            f"{get(name).threshold:g}",
        )
        for name in SHIPPED
    )


def test_a_failure_inside_an_evaluator_is_a_status(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        score = Fragile().evaluate_case(Case(answer="x"))

    assert (score.status, score.score, score.explanation) == (
        Status.ERROR,
        None,
        "RuntimeError: cannot read x",
    )
    assert score.cost_usd is None
    assert "evaluator fragile 7 failed" in caplog.text


class Boastful(Fragile):
    """Gives a number that is no score."""

    name: ClassVar[str] = "boastful"

    def judge(self, case: Case) -> Verdict:
        return Verdict(score=7.0, explanation=case.answer)


def test_a_number_out_of_range_is_a_status_not_an_exception() -> None:
    score = Boastful().evaluate_case(Case(answer="x"))

    assert (score.status, score.score) == (Status.ERROR, None)
    assert score.explanation == "ValueError: score must be a number in [0, 1], got 7.0"


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        pytest.param(
            {"context": ("a", "b"), "context_ids": ("1",)},
            ValueError,
            "context_ids must hold one for each of context, got 1 for 2",
            id="ids of some passages",
        ),
        pytest.param(
            {"retrieved_ids": ("a",), "retrieved_scores": (0.1, 0.2)},
            ValueError,
            "retrieved_scores must hold one for each of retrieved_ids, got 2 for 1",
            id="more scores than ids",
        ),
        pytest.param(
            {"retrieved_ids": ("a",), "retrieved_scores": (float("nan"),)},
            ValueError,
            r"retrieved_scores\[0\] must be a finite number, got nan",
            id="a score of nan",
        ),
        pytest.param(
            {"retrieved_ids": ("a",), "retrieved_scores": ("0.1",)},
            TypeError,
            r"retrieved_scores\[0\] must be a number, got str",
            id="a score of text",
        ),
        pytest.param(
            {"cached_query": 7}, TypeError, "cached_query must be a string or None, got int", id="a number"
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    parts: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Case(**parts)


def test_failing_a_threshold_follows_the_direction() -> None:
    assert Groundedness().failed(0.4)
    assert not Groundedness().failed(0.5)
    assert HallucinationScore().failed(0.6)
    assert not HallucinationScore().failed(0.5)


@pytest.mark.parametrize(
    ("context", "answer", "message"),
    [
        pytest.param(7, "x", "context must be a list of strings, got int", id="context a number"),
        pytest.param([b"x"], "x", r"context\[0\] must be a string, got bytes", id="passage bytes"),
        pytest.param([None], "x", r"context\[0\] must be a string, got NoneType", id="passage none"),
        pytest.param("x", ["x"], "answer must be a string or None, got list", id="answer a list"),
    ],
)
def test_a_wrong_type_is_a_programming_error(context: object, answer: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Groundedness().evaluate(input=context, output=answer)  # type: ignore[arg-type]


def test_a_lone_string_is_not_a_list_of_passages() -> None:
    with pytest.raises(TypeError, match="context must be a list of strings, got str"):
        Case(context="one passage")  # type: ignore[arg-type]
