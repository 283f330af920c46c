"""Whatever the endpoint answers: no number without a sound verdict, the right status, and the cost counted."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from groundtrace_evaluators import Case, Score
from groundtrace_evaluators.judge import JudgedScore
from groundtrace_evaluators.judge.endpoint import TEMPLATE_TOKENS, request_body
from tests.evaluators.judge.conftest import CALL_USD, PRICES, Make
from tests.evaluators.judge.hostile import HOSTILE, Hostile
from tests.evaluators.judge.stub import Answer, Judge, read_task

CONTEXT = ("The Gotthard tunnel opened in 2016. It is 57.1 km long.", "Trains pass it in 17 minutes.")
ROWS = 1_000
MAX_OUTPUT = 512


def _case(row: str) -> Case:
    return Case(query=f"row {row}", context=CONTEXT, answer="The tunnel opened in 2016. It is 57.1 km long.")


def _row(request: dict[str, Any]) -> str:
    return (read_task(request).question or "").removeprefix("row ")


def _bound_usd(request: dict[str, Any]) -> float:
    """The upper bound of a request's cost, from what arrived."""
    size = len(json.dumps(request, ensure_ascii=False).encode()) + TEMPLATE_TOKENS
    return size * 10e-6 + MAX_OUTPUT * 100e-6


def _expected_usd(kind: Hostile, requests: list[dict[str, Any]]) -> float:
    if kind.paid == "nothing":
        return 0.0
    return sum(CALL_USD if kind.paid == "usage" else _bound_usd(request) for request in requests)


def _mismatch(kind: Hostile, score: Score, requests: list[dict[str, Any]]) -> str | None:
    assert isinstance(score, JudgedScore)
    assert score.record is not None
    found = (score.score, score.status, score.record.calls, len(requests), bool(score.explanation))
    wanted = (None, kind.status, kind.calls, kind.calls, True)
    if found != wanted:
        return f"{kind.name}: wanted {wanted}, got {found}: {score.explanation}"
    usd = _expected_usd(kind, requests)
    if score.cost_usd != pytest.approx(usd):
        return f"{kind.name}: cost {score.cost_usd}, should be {usd}"
    return None


def _run(rows: list[Hostile], endpoint: Judge, judged: Make, *, threads: int, timeout_s: float) -> list[str]:
    def answer(request: dict[str, Any]) -> Answer:
        number = int(_row(request))
        return rows[number].reply(request, Random(number))  # noqa: S311 - the same row, the same reply

    endpoint.answer = answer
    evaluator = judged(
        timeout_s=timeout_s,
        concurrency=threads,
        run_usd=10_000.0,
        max_output_tokens=MAX_OUTPUT,
        prices=PRICES,
    )
    with ThreadPoolExecutor(threads) as pool:
        scores = list(pool.map(evaluator.evaluate_case, (_case(str(number)) for number in range(len(rows)))))
    asked: dict[str, list[dict[str, Any]]] = {str(number): [] for number in range(len(rows))}
    for request in endpoint.requests:
        asked[_row(request)].append(request)
    faults = [
        _mismatch(kind, score, asked[str(number)])
        for number, (kind, score) in enumerate(zip(rows, scores, strict=True))
    ]
    total = sum(_expected_usd(kind, asked[str(number)]) for number, kind in enumerate(rows))
    if evaluator.spent().usd != pytest.approx(total):
        faults.append(f"spent {evaluator.spent().usd}, should be {total}")
    return [fault for fault in faults if fault]


@pytest.mark.parametrize("kind", HOSTILE, ids=lambda kind: kind.name)
def test_a_hostile_reply_gives_its_status_and_no_number(kind: Hostile, endpoint: Judge, judged: Make) -> None:
    # A machine that stalls makes no timeout of what is not one.
    timeout_s = 0.6 if kind.name in {"hang", "drip"} else 20.0

    assert _run([kind], endpoint, judged, threads=1, timeout_s=timeout_s) == []


@pytest.mark.verify
@pytest.mark.timeout(600)
def test_a_thousand_hostile_replies_give_no_number(endpoint: Judge, judged: Make) -> None:
    rows = Random(7).choices(HOSTILE, k=ROWS)  # noqa: S311 - the same rows each time

    faults = _run(rows, endpoint, judged, threads=16, timeout_s=2.0)

    statuses = Counter(kind.status.value for kind in rows)
    print(f"\n{ROWS} hostile replies, {len(faults)} wrong: {dict(statuses.most_common())}")  # noqa: T201
    assert faults == []


def test_the_request_measured_here_is_the_one_sent(endpoint: Judge, judged: Make) -> None:
    evaluator = judged()
    evaluator.evaluate_case(_case("0"))
    (sent,) = endpoint.requests

    schema = sent["response_format"]["json_schema"]["schema"]
    assert sent == request_body(evaluator.config, sent["messages"], schema)
    assert sent["temperature"] == 0.0
    assert schema["additionalProperties"] is False
