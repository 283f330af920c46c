# ruff: noqa: ARG001, ARG005 - functions under test are named by what they take
"""Own evaluators: the decorator, what functions may return, and what becomes of their faults."""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Any, cast

import numpy as np
import pytest

from groundtrace_evaluators import (
    ENTRY_POINT_GROUP,
    Case,
    Evaluator,
    EvaluatorLoadError,
    Evidence,
    Field,
    OwnEvaluator,
    Score,
    Status,
    evaluate,
    evaluator,
    get,
    names,
    registry,
)

CASE = Case(query="q", context=("one", "two"), answer="In 2016.")


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Own evaluators of one test are not the next one's."""
    monkeypatch.setattr(registry, "_made", {})
    registry._entry_points.cache_clear()
    yield
    registry._entry_points.cache_clear()


def made(function: Callable[..., object], **stated: Any) -> OwnEvaluator:
    return evaluator(name="own", **stated)(function)


def test_a_function_becomes_an_evaluator() -> None:
    @evaluator(name="brevity", threshold=0.7, version="3", method="count", direction="lower")
    def brevity(answer: str) -> float:
        """How short it is."""
        return 1 / len(answer.split())

    score = brevity.evaluate(answer="In 2016.")

    assert (score.name, score.score, score.version, score.method) == ("brevity", 0.5, "3", "count")
    assert (brevity.threshold, brevity.direction, brevity.needs) == (0.7, "lower", frozenset({Field.ANSWER}))
    assert brevity.__doc__ == "How short it is."
    assert brevity("a b c d") == 0.25
    assert isinstance(brevity, Evaluator)


def test_an_asynchronous_function_becomes_an_evaluator() -> None:
    async def later(answer: str) -> bool:
        await asyncio.sleep(0)
        return answer.startswith("In")

    assert made(later).evaluate_case(CASE).score == 1.0
    assert [score.score for score in made(later).evaluate_many([CASE, Case(answer="No")])] == [1.0, 0.0]


async def test_an_asynchronous_function_is_called_on_one_loop_from_anywhere() -> None:
    loops = set()

    async def later(case: Case) -> float:
        loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return float(case.has(Field.ANSWER))

    own = made(later)
    scores = [own.evaluate_case(CASE), await own.aevaluate_case(CASE), await own.aevaluate(answer="x")]

    assert [score.score for score in scores] == [1.0, 1.0, 1.0]
    assert len(loops) == 1
    assert asyncio.get_running_loop() not in loops


def test_a_class_becomes_a_class_of_evaluators() -> None:
    @evaluator(name="banned", needs=["answer"])
    class Banned:
        """Whether a word is avoided."""

        def __init__(self, word: str = "sorry") -> None:
            self.word = word

        def __call__(self, answer: str) -> bool:
            return self.word not in answer

    stricter = cast("Evaluator", Banned("no"))
    assert issubclass(Banned, Evaluator)
    assert (stricter.name, stricter.evaluate_case(CASE).score) == ("banned", 1.0)
    assert stricter.evaluate_case(Case(answer="no")).label == "fail"
    assert evaluate("banned", answer="sorry, no").score == 0.0
    assert get("banned").needs == frozenset({Field.ANSWER})


def test_a_class_with_an_asynchronous_call_becomes_a_class_of_evaluators() -> None:
    @evaluator(name="slow")
    class Slow:
        """Takes its time."""

        async def __call__(self, query: str, context: tuple[str, ...], answer: str = "") -> float:
            await asyncio.sleep(0)
            return len(context) / 4 + (0.5 if answer and query else 0.0)

    slow = cast("Evaluator", Slow())
    assert slow.needs == frozenset({Field.QUERY, Field.CONTEXT})
    assert slow.evaluate_case(CASE).score == 1.0
    assert asyncio.run(slow.aevaluate_case(CASE)).score == 1.0


@pytest.mark.parametrize(
    ("returned", "score", "label", "explanation"),
    [
        pytest.param(0.25, 0.25, None, None, id="float"),
        pytest.param(1, 1.0, None, None, id="int"),
        pytest.param(True, 1.0, "pass", None, id="true"),
        pytest.param(False, 0.0, "fail", None, id="false"),
        pytest.param((0.5, "half"), 0.5, None, "half", id="with explanation"),
        pytest.param((False, "too long"), 0.0, "fail", "too long", id="false with explanation"),
        pytest.param(np.float32(0.5), 0.5, None, None, id="NumPy number"),
        pytest.param(np.bool_(0), 0.0, "fail", None, id="NumPy bool"),
        pytest.param(Score(name="x", score=0.4, explanation="e"), 0.4, None, "e", id="Score"),
        pytest.param(Score(name="x", score=None, label="kind"), None, "kind", None, id="label alone"),
    ],
)
def test_what_a_function_may_return(
    returned: object, score: float | None, label: str | None, explanation: str | None
) -> None:
    found = made(lambda case: returned).evaluate_case(CASE)

    assert (found.status, found.score, found.label, found.explanation) == (
        Status.OK,
        score,
        label,
        explanation,
    )
    assert (found.name, found.version, found.method) == ("own", "1", "own")


def test_a_score_keeps_its_evidence_cost_and_status() -> None:
    piece = Evidence(text="In 2016.", score=1.0, supported=True)
    rich = Score(name="x", score=1.0, evidence=(piece,), cost_usd=0.01)
    late = Score(name="x", score=None, status=Status.TIMEOUT, explanation="30 s")

    assert made(lambda case: rich).evaluate_case(CASE).evidence == (piece,)
    assert made(lambda case: rich).evaluate_case(CASE).cost_usd == 0.01
    assert made(lambda case: late).evaluate_case(CASE).status is Status.TIMEOUT


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        pytest.param(None, "got NoneType", id="nothing"),
        pytest.param("good", "got str", id="text"),
        pytest.param(1.5, "score must be a number in [0, 1], got 1.5", id="too much"),
        pytest.param(float("nan"), "got nan", id="nan"),
        pytest.param((0.5, "a", "b"), "got tuple", id="three"),
        pytest.param((None, "a"), "got NoneType", id="pair without score"),
        pytest.param({"score": 1}, "got dict", id="dictionary"),
        pytest.param(np.array([0.5]), "got ndarray", id="array"),
        pytest.param(2 + 0j, "got complex", id="complex"),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_is_no_score_is_an_error_on_that_case(
    returned: object, words: str, *, asynchronous: bool
) -> None:
    async def later(case: Case) -> object:
        return returned if case else None

    own = made(later if asynchronous else lambda case: returned)

    for score in (own.evaluate_case(CASE), await own.aevaluate_case(CASE)):
        assert (score.status, score.score) == (Status.ERROR, None)
        assert words in (score.explanation or "")


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_fault_is_a_status_and_stands_in_the_log(
    caplog: pytest.LogCaptureFixture, *, asynchronous: bool
) -> None:
    def broken(answer: str) -> float:
        raise RuntimeError(f"cannot read {answer}")

    async def broken_later(answer: str) -> float:
        return broken(answer)

    own = made(broken_later if asynchronous else broken)
    with caplog.at_level(logging.ERROR):
        scores = [own.evaluate_case(CASE), await own.aevaluate_case(CASE)]

    assert [score.explanation for score in scores] == ["RuntimeError: cannot read In 2016."] * 2
    assert caplog.text.count("evaluator own 1 failed") == 2


@pytest.mark.parametrize(
    "stop", [SystemExit("bye"), asyncio.CancelledError()], ids=lambda exc: type(exc).__name__
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_function_that_wants_to_end_the_process_does_not(
    stop: BaseException, *, asynchronous: bool
) -> None:
    def ends(case: Case) -> float:
        raise stop

    async def ends_later(case: Case) -> float:
        return ends(case)

    score = made(ends_later if asynchronous else ends).evaluate_case(CASE)

    assert (score.status, score.score) == (Status.ERROR, None)
    assert score.explanation


async def test_who_stops_waiting_for_an_evaluator_stops_it() -> None:
    stopped = threading.Event()

    async def waits(case: Case) -> float:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return 1.0

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await made(waits).aevaluate_case(CASE)

    assert await asyncio.to_thread(stopped.wait, 10)


def test_an_evaluator_that_waits_for_another_inside_the_loop_is_an_error_not_a_hang() -> None:
    async def inner(answer: str) -> float:
        return float(bool(answer))

    own = made(inner)

    async def outer(case: Case) -> float:
        return own.evaluate_case(case).score or 0.0

    async def outer_right(case: Case) -> float:
        return (await own.aevaluate_case(case)).score or 0.0

    assert made(outer).evaluate_case(CASE).score == 0.0
    assert made(outer_right).evaluate_case(CASE).score == 1.0


def test_a_case_without_what_is_needed_is_skipped() -> None:
    calls = []

    def noted(query: str, answer: str = "no answer") -> float:
        calls.append((query, answer))
        return 1.0

    own = made(noted, needs=["expected", Field.QUERY])

    score = own.evaluate_case(Case(query="q"))

    assert (score.status, score.explanation) == (Status.SKIPPED, "the case has no expected answer")
    assert own.evaluate_case(Case(query="q", expected="e")).score == 1.0
    assert calls == [("q", "no answer")]


@pytest.mark.parametrize(
    ("function", "stated", "error", "words"),
    [
        pytest.param(lambda case: 1, {"name": "Not Snake"}, ValueError, "must be snake_case", id="name"),
        pytest.param(lambda case: 1, {"name": "groundedness"}, ValueError, "built-in", id="built in"),
        pytest.param(lambda case: 1, {"threshold": 2.0}, ValueError, "got 2.0", id="threshold"),
        pytest.param(lambda case: 1, {"needs": ["anser"]}, ValueError, "a case has no 'anser'", id="needs"),
        pytest.param(lambda text: 1, {}, TypeError, "takes 'text', which a case does not", id="parameter"),
        pytest.param(lambda: 1, {}, TypeError, "takes nothing", id="no parameters"),
        pytest.param(lambda *query: 1, {}, TypeError, r"\*query", id="star"),
        pytest.param(lambda **query: 1, {}, TypeError, r"\*\*query", id="two stars"),
    ],
)
def test_what_cannot_be_an_evaluator_is_refused_at_once(
    function: Callable[..., object], stated: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluator(**{"name": "own", **stated})(function)


def test_an_evaluator_class_needs_no_decorator() -> None:
    with pytest.raises(TypeError, match="is an Evaluator already"):
        evaluator(name="own")(OwnEvaluator)


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(TypeError, match="a case has no 'anser'; it has: query, context"):
        made(lambda case: 1).evaluate(anser="x")


def test_an_own_evaluator_is_known_by_name_in_its_process() -> None:
    own = made(lambda answer: 0.5)

    assert get("own") is own
    assert "own" in names()
    assert evaluate("own", answer="x").score == 0.5
    assert evaluate("own", answer="x", context="one text").score == 0.5


def test_a_later_definition_takes_the_place_of_the_earlier() -> None:
    made(lambda answer: 0.5)
    made(lambda answer: 0.6)

    assert evaluate("own", answer="x").score == 0.6


def test_a_class_that_needs_arguments_cannot_be_had_by_name() -> None:
    @evaluator(name="strict")
    class Strict:
        """Wants an argument."""

        def __init__(self, level: int) -> None:
            self.level = level

        def __call__(self, answer: str) -> float:
            return self.level / max(1, len(answer))

    with pytest.raises(EvaluatorLoadError, match="'strict' from this process cannot be made"):
        get("strict")


OFFERED = evaluator(name="offered")(lambda answer: len(answer) / 100)


def test_an_installed_package_offers_what_the_decorator_made(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("offered", f"{__name__}:OFFERED", ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == ENTRY_POINT_GROUP else [])
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])

    assert get("offered").evaluate_case(CASE).score == 0.08
