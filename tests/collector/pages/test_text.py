"""Fitting foreign text into a page."""

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_collector.pages import answer, formats, metrics, settings, text
from groundtrace_collector.pages.text import Budget, clean, fitted, html_bytes, one_line

ANY_TEXT = st.text(alphabet=st.characters() | st.sampled_from("<&\"'\x00\r\n\u202e\ud800"))


@pytest.mark.parametrize(
    "module", [answer, formats, metrics, settings, text], ids=lambda module: module.__name__
)
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (metrics.unit("margin")(-0.0211), "\u22120.021"),
        (metrics.unit("margin")(-0.0001), "0.000"),
        (metrics.unit("reranker_score")(-12.34), "\u221212.3"),
        (metrics.unit("p95_ms")(-840.0), "\u2212840 ms"),
        (metrics.unit("cost_per_trace")(-0.5), "\u2212$0.50"),
    ],
)
def test_a_number_below_zero_has_a_minus_sign_and_zero_has_none(written: str, expected: str) -> None:
    assert written == expected


@given(ANY_TEXT, st.integers(min_value=-5, max_value=200))
def test_a_fitted_text_keeps_to_its_limit_and_counts_what_it_leaves_out(original: str, limit: int) -> None:
    shown = fitted(original, limit)

    assert html_bytes(shown.shown) <= max(limit, 0)
    assert shown.shown == clean(original[: len(original) - shown.cut_chars])


@given(ANY_TEXT)
def test_a_clean_text_can_be_sent_and_is_not_cleaned_again(original: str) -> None:
    cleaned = clean(original)

    assert clean(cleaned) == cleaned
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", cleaned)
    cleaned.encode()


@given(ANY_TEXT, st.integers(min_value=2, max_value=50))
def test_one_line_is_one_line_of_that_length(original: str, limit: int) -> None:
    line = one_line(original, limit)

    assert len(line) <= limit
    assert "\n" not in line


def test_a_spent_budget_gives_nothing_more() -> None:
    budget = Budget(10)

    assert budget.text("<<<", 100).shown == "<<"
    assert budget.text("abc", 100).shown == "ab"
    assert budget.text("abc", 100).cut_chars == 3
    assert not budget.spend(1)
