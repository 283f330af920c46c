"""Money, patience and memory: budgets, retries, the breaker, the cache."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from groundtrace.errors import ConfigError
from groundtrace_evaluators import Case, Status, registry
from groundtrace_evaluators.judge import Amount, JudgeConfig, JudgedGroundedness, JudgeOptions
from groundtrace_evaluators.judge.breaker import Breaker
from groundtrace_evaluators.judge.budget import Budget
from groundtrace_evaluators.judge.failure import JudgeFailedError
from groundtrace_evaluators.judge.retries import retry_after_s, wait_s
from tests.evaluators.judge.conftest import CALL_USD, PRICES, Make
from tests.evaluators.judge.stub import Answer, Judge, honest
from tests.evaluators.judge.test_judged_groundedness import TUNNEL, record_of

ANSWER = "It is 57.1 km long."


def _budget(tmp_path: Path | None = None, **limits: Any) -> Budget:
    return Budget(JudgeConfig(base_url="http://x", model="stub", prices=PRICES, folder=tmp_path, **limits))


@pytest.mark.parametrize("limit", ["run_usd", "day_usd"])
def test_a_call_that_could_break_the_budget_is_not_made(limit: str, endpoint: Judge, judged: Make) -> None:
    score = judged(**{limit: 0.001}).evaluate(input=TUNNEL, output=ANSWER)

    assert (score.score, score.status, score.cost_usd) == (None, Status.BUDGET_EXHAUSTED, 0.0)
    assert endpoint.requests == []


def test_a_budget_of_tokens_needs_no_price(endpoint: Judge, judged: Make) -> None:
    evaluator = judged(prices={}, run_tokens=9_000)

    scores = [evaluator.evaluate(input=TUNNEL, output=f"It is {number} km long.") for number in range(1, 40)]

    assert scores[0].status is Status.OK
    assert scores[0].cost_usd is None
    assert scores[-1].status is Status.BUDGET_EXHAUSTED
    assert evaluator.spent() == Amount(120 * len(endpoint.requests))
    assert evaluator.spent().tokens <= 9_000


def test_what_was_reserved_is_put_back_to_what_was_used(judged: Make) -> None:
    evaluator = judged(run_usd=10.0)

    score = evaluator.evaluate(input=TUNNEL, output=ANSWER)

    assert score.cost_usd == pytest.approx(CALL_USD)
    assert evaluator.spent().usd == pytest.approx(CALL_USD)
    assert evaluator.spent_today().usd == pytest.approx(CALL_USD)


def test_calls_at_once_never_break_the_budget_together(endpoint: Judge, judged: Make) -> None:
    arrived = threading.Barrier(2, timeout=10)

    def answer(request: dict[str, Any]) -> Answer:
        arrived.wait()
        return honest(request)

    endpoint.answer = answer
    evaluator = judged(run_usd=1.0, concurrency=8)  # a call reserves about 0.45

    scores = evaluator.evaluate_many(
        Case(context=(TUNNEL,), answer=f"It is {number} km long.") for number in range(8)
    )

    statuses = [score.status for score in scores]
    assert statuses.count(Status.OK) == len(endpoint.requests)
    assert endpoint.most_at_once <= 2
    assert Status.BUDGET_EXHAUSTED in statuses


def test_the_day_is_shared_through_the_folder_and_ends(tmp_path: Path) -> None:
    today = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    first, second = _budget(tmp_path, day_usd=1.0), _budget(tmp_path, day_usd=1.0)
    for budget in (first, second):
        budget._now = lambda: today

    first.reserve(Amount(10, 0.7))
    with pytest.raises(JudgeFailedError, match=r"day_usd 1"):
        second.reserve(Amount(10, 0.4))
    second._now = lambda: today + timedelta(minutes=2)
    second.reserve(Amount(10, 0.4))

    assert first.spent_today() == Amount(10, 0.7)
    first.close()
    second.close()


def test_processes_that_share_a_folder_share_the_day(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from groundtrace_evaluators.judge.budget import *;"
        "b = Budget(JudgeConfig(base_url='http://x', model='m', folder=Path(sys.argv[1]), day_tokens=1000))\n"
        "n = 0\n"
        "try:\n"
        "    while True: b.reserve(Amount(1)); n += 1\n"
        "except JudgeFailedError: print(n)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    assert sum(int(process.communicate(timeout=60)[0]) for process in running) == 1_000


def test_spending_that_cannot_be_counted_is_not_made(endpoint: Judge, judged: Make, tmp_path: Path) -> None:
    evaluator = judged(folder=tmp_path)
    evaluator._budget._days.execute("DROP TABLE days")

    score = evaluator.evaluate(input=TUNNEL, output=ANSWER)

    assert (score.status, endpoint.requests) == (Status.ERROR, [])
    assert "no such table" in (score.explanation or "")


def test_a_passing_failure_is_tried_again(endpoint: Judge, judged: Make) -> None:
    statuses = iter([429, 503, 409])

    def answer(request: dict[str, Any]) -> Answer:
        code = next(statuses, None)
        return Answer(status=code) if code else honest(request)

    endpoint.answer = answer

    score = judged().evaluate(input=TUNNEL, output=ANSWER)

    assert (score.score, record_of(score).calls) == (1.0, 4)
    assert score.cost_usd == pytest.approx(CALL_USD)


def test_retry_after_is_waited_for(endpoint: Judge, judged: Make) -> None:
    first = iter([Answer(status=429, headers={"Retry-After": "0.5"})])
    endpoint.answer = lambda request: next(first, None) or honest(request)

    score = judged().evaluate(input=TUNNEL, output=ANSWER)

    assert score.score == 1.0
    assert score.latency_ms is not None
    assert score.latency_ms >= 500.0


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    assert retry_after_s("Sun, 01 Mar 2026 12:00:30 GMT", now) == 30.0
    assert retry_after_s("Sun, 01 Mar 2026 11:00:30 GMT", now) == 0.0
    assert [retry_after_s(header, now) for header in (None, "", "nan", "soon")] == [None] * 4


def test_pauses_double_spread_and_stay_bounded() -> None:
    def pauses(jitter: float) -> list[float | None]:
        return [wait_s(n, None, first_wait_s=1.0, max_wait_s=3.0, jitter=jitter) for n in (1, 2, 3)]

    assert pauses(0.0) == [0.5, 1.0, 1.5]
    assert pauses(1.0) == [1.0, 2.0, 3.0]


def test_the_breaker_opens_lets_one_call_through_and_closes() -> None:
    now = 0.0
    breaker = Breaker(2, 30.0, lambda: now)
    why = JudgeFailedError(Status.RATE_LIMITED, "slow down")
    for _ in range(2):
        breaker.check()
        breaker.failed(why)

    with pytest.raises(JudgeFailedError, match="2 calls in a row have failed") as caught:
        breaker.check()
    assert caught.value.status is Status.RATE_LIMITED
    now = 31.0
    breaker.check()
    with pytest.raises(JudgeFailedError):
        breaker.check()
    breaker.gave_up()
    breaker.check()
    breaker.succeeded()
    breaker.check()
    breaker.check()


def test_an_endpoint_that_keeps_failing_is_left_alone(endpoint: Judge, judged: Make) -> None:
    endpoint.answer = lambda _: Answer(status=500)
    evaluator = judged(max_retries=0, breaker_failures=3)

    scores = [evaluator.evaluate(input=TUNNEL, output=f"It is {n} km long.") for n in range(10)]

    assert len(endpoint.requests) == 3
    assert {score.status for score in scores} == {Status.ERROR}
    assert "not asked" in (scores[-1].explanation or "")


def test_the_same_case_is_paid_for_once(endpoint: Judge, judged: Make) -> None:
    evaluator = judged()

    first, second = (evaluator.evaluate(input=TUNNEL, output=ANSWER) for _ in range(2))

    assert len(endpoint.requests) == 1
    assert (second.score, second.cost_usd, record_of(second).cached) == (first.score, 0.0, True)


def test_the_same_case_at_once_is_asked_once(endpoint: Judge, judged: Make) -> None:
    def answer(request: dict[str, Any]) -> Answer:
        sound = honest(request)
        return Answer(sound.body, hang_s=0.3)

    endpoint.answer = answer

    scores = judged(concurrency=8).evaluate_many([Case(context=(TUNNEL,), answer=ANSWER)] * 8)

    assert len(endpoint.requests) == 1
    assert [score.score for score in scores] == [1.0] * 8
    assert sum(score.cost_usd or 0.0 for score in scores) == pytest.approx(CALL_USD)


def test_a_failure_is_never_kept(endpoint: Judge, judged: Make, tmp_path: Path) -> None:
    endpoint.answer = lambda _: Answer(status=400)
    evaluator = judged(folder=tmp_path)
    failed = evaluator.evaluate(input=TUNNEL, output=ANSWER)
    endpoint.answer = honest

    again = evaluator.evaluate(input=TUNNEL, output=ANSWER)

    assert (failed.status, again.score) == (Status.ERROR, 1.0)


def test_verdicts_in_the_folder_outlive_the_evaluator(endpoint: Judge, judged: Make, tmp_path: Path) -> None:
    first = judged(folder=tmp_path).evaluate(input=TUNNEL, output=ANSWER)

    second = judged(folder=tmp_path).evaluate(input=TUNNEL, output=ANSWER)

    assert len(endpoint.requests) == 1
    assert (second.score, second.explanation, second.cost_usd) == (first.score, first.explanation, 0.0)
    assert second.evidence[0] == first.evidence[0]
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept if path.suffix == ".json")


def test_an_evaluator_that_forgets_asks_again_though_the_folder_has_the_verdict(
    endpoint: Judge, judged: Make, tmp_path: Path
) -> None:
    evaluator = judged(folder=tmp_path)
    evaluator.evaluate(input=TUNNEL, output=ANSWER)
    evaluator.forget()

    evaluator.evaluate(input=TUNNEL, output=ANSWER)

    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("content", [b"", b"{", b'{"key": 1}', b"\xff\xfe"])
def test_a_spoilt_file_is_asked_for_again(
    content: bytes, endpoint: Judge, judged: Make, tmp_path: Path
) -> None:
    judged(folder=tmp_path).evaluate(input=TUNNEL, output=ANSWER)
    (kept,) = tmp_path.rglob("*.json")
    kept.write_bytes(content)

    score = judged(folder=tmp_path).evaluate(input=TUNNEL, output=ANSWER)

    assert (score.score, len(endpoint.requests)) == (1.0, 2)


def test_a_case_differs_by_every_part(endpoint: Judge, judged: Make) -> None:
    evaluator = judged()
    for query, context, answer in (
        (None, (TUNNEL,), ANSWER),
        ("How long?", (TUNNEL,), ANSWER),
        (None, (TUNNEL, "x"), ANSWER),
        (None, (TUNNEL + " x",), ANSWER),
        (None, (TUNNEL,), ANSWER + " Yes it is."),
    ):
        evaluator.evaluate_case(Case(query=query, context=context, answer=answer))

    assert len(endpoint.requests) == 5


def test_no_more_calls_at_once_than_allowed(endpoint: Judge, judged: Make) -> None:
    endpoint.answer = lambda request: Answer(honest(request).body, hang_s=0.05)

    judged(concurrency=3).evaluate_many(
        Case(context=(TUNNEL,), answer=f"It is {n} km long.") for n in range(12)
    )

    assert endpoint.most_at_once == 3


def test_an_endpoint_that_is_not_there_is_an_error_that_names_it(judged: Make) -> None:
    score = judged(base_url="http://127.0.0.1:9/v1").evaluate(input=TUNNEL, output=ANSWER)

    assert (score.status, score.cost_usd, record_of(score).calls) == (Status.ERROR, 0.0, 1)
    assert "http://127.0.0.1:9/v1 cannot be reached" in (score.explanation or "")


def test_the_key_is_sent_and_shown_nowhere(endpoint: Judge, judged: Make, tmp_path: Path) -> None:
    evaluator = judged(api_key="sk-secret", folder=tmp_path)

    score = evaluator.evaluate(input=TUNNEL, output=ANSWER)

    assert endpoint.headers[0]["authorization"] == "Bearer sk-secret"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "sk-secret" not in f"{evaluator.config!r}{score!r}{vars(evaluator)!r}"
    assert b"sk-secret" not in kept


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {}, "base_url is not set: pass base_url=… or set GROUNDTRACE_JUDGE_BASE_URL", id="no url"
        ),
        pytest.param({"base_url": "http://x"}, "model is not set", id="no model"),
        pytest.param({"base_url": "x.org", "model": "m"}, "must start with http", id="no scheme"),
        pytest.param({"base_url": "http://x", "model": "m", "run_usd": 1.0}, "price of 'm'", id="no price"),
        pytest.param({"base_url": "http://x", "model": "m", "max_retries": 9}, "max_retries", id="too many"),
        pytest.param({"base_url": "http://x", "model": "m", "modell": 9}, "modell", id="misspelt"),
    ],
)
def test_a_wrong_setting_is_named(options: JudgeOptions, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        JudgedGroundedness(**options)


def test_keywords_stand_over_the_environment_and_that_over_the_defaults() -> None:
    environ = {
        "GROUNDTRACE_JUDGE_BASE_URL": "http://localhost:8000/v1/chat/completions",
        "GROUNDTRACE_JUDGE_MODEL": "from-env",
        "GROUNDTRACE_JUDGE_TIMEOUT_S": "7.5",
        "GROUNDTRACE_JUDGE_CANARY": "false",
        "GROUNDTRACE_JUDGE_PRICES": json.dumps(PRICES),
    }

    config = JudgeConfig.resolve({"model": "stub", "seed": None}, environ)

    assert (config.base_url, config.model, config.timeout_s) == ("http://localhost:8000/v1", "stub", 7.5)
    assert (config.canary, config.seed, config.max_retries) == (False, None, 3)
    assert config.price is not None


def test_every_setting_is_a_keyword() -> None:
    assert set(JudgeOptions.__annotations__) == set(JudgeConfig.model_fields)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_can_ask(endpoint: Judge) -> None:
    program = f"""
import os, sys, warnings
warnings.simplefilter("ignore")
from groundtrace_evaluators.judge import JudgedGroundedness
judge = JudgedGroundedness(base_url={endpoint.url!r}, model="stub")
assert judge.evaluate(input={TUNNEL!r}, output={ANSWER!r}).score == 1.0
child = os.fork()
score = judge.evaluate(input={TUNNEL!r}, output="It is 75 km long.").score
if child == 0:
    os._exit(7 if score == 0.0 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert score == 0.0
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    registry._entry_points.cache_clear()
    yield
    registry._entry_points.cache_clear()


@pytest.mark.usefixtures("fresh_registry")
def test_a_judge_is_had_by_name_where_the_environment_says_where_it_is(
    endpoint: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "judged_groundedness" not in registry.names()
    registry._entry_points.cache_clear()
    monkeypatch.setenv("GROUNDTRACE_JUDGE_BASE_URL", endpoint.url)
    monkeypatch.setenv("GROUNDTRACE_JUDGE_MODEL", "stub")

    assert {"judged_groundedness", "judged_context_relevance"} <= set(registry.names())
    evaluator = registry.get("judged_groundedness")
    assert isinstance(evaluator, JudgedGroundedness)
    assert evaluator.evaluate(input=TUNNEL, output=ANSWER).score == 1.0
    evaluator.close()


def test_every_setting_is_in_the_docs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "judge.md").read_text(encoding="utf-8")

    assert [name for name in JudgeConfig.model_fields if f"`{name}`" not in page] == []
