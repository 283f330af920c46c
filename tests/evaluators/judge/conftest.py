"""A judge endpoint on the loopback, and evaluators that ask it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from groundtrace_evaluators.judge import JudgedContextRelevance, JudgedGroundedness
from tests.evaluators.judge.stub import Judge, serving

Make = Callable[..., JudgedGroundedness]

PRICES = {"stub": {"input_usd_per_million": 10.0, "output_usd_per_million": 100.0}}
CALL_USD = 100 * 10e-6 + 20 * 100e-6
"""What one call costs by the stub's usage."""


@pytest.fixture
def endpoint() -> Iterator[Judge]:
    with serving() as judge:
        yield judge


@pytest.fixture
def judged(endpoint: Judge) -> Iterator[Make]:
    """Makes evaluators with short pauses and no breaker, closed after the test."""
    made: list[JudgedGroundedness] = []

    def make(**options: Any) -> JudgedGroundedness:
        defaults: dict[str, Any] = {
            "base_url": endpoint.url, "model": "stub", "prices": PRICES, "timeout_s": 5.0,
            "first_wait_s": 0.001, "breaker_failures": 0,
        }  # fmt: skip
        made.append(JudgedGroundedness(**defaults | options))
        return made[-1]

    yield make
    for evaluator in made:
        evaluator.close()


@pytest.fixture
def relevance(endpoint: Judge) -> Iterator[JudgedContextRelevance]:
    with JudgedContextRelevance(base_url=endpoint.url, model="stub") as evaluator:
        yield evaluator
