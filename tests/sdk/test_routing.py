"""shadow, split and fallback."""
# ruff: noqa: ARG001 - the arguments are there to be seen by the decorator

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import assert_type

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as otel_context

import groundtrace
from groundtrace import ConfigError, Document
from groundtrace.routing import _shadow_tasks, _shadows, chosen_route
from tests.span_recorder import SpanRecorder


@groundtrace.retriever
def old(query: str) -> list[Document]:
    return [Document(id="old")]


@groundtrace.retriever
def new(query: str) -> list[Document]:
    return [Document(id="new")]


@groundtrace.retriever
def empty(query: str) -> list[Document]:
    return []


@groundtrace.retriever
def broken(query: str) -> list[Document]:
    raise ConnectionError("index is gone")


@groundtrace.retriever
async def async_old(query: str) -> list[Document]:
    return [Document(id="old")]


@groundtrace.retriever
async def async_broken(query: str) -> list[Document]:
    raise ConnectionError("index is gone")


# --- shadow


def test_a_shadow_runs_beside_and_is_marked(spans: SpanRecorder) -> None:
    search = groundtrace.shadow(old, new)

    with groundtrace.chain("request"):
        assert_type(search("q"), list[Document])

    assert _shadows.drain(5)
    shadow, served = spans.named("new"), spans.named("old")
    assert shadow.attributes["groundtrace.shadow"] is True
    assert shadow.document_ids == ["new"]
    assert "groundtrace.shadow" not in served.attributes
    assert shadow.parent_id == served.parent_id == spans.named("request").span_id


def test_a_shadow_neither_slows_nor_breaks_the_app(spans: SpanRecorder) -> None:
    blocked = threading.Event()

    def slow(query: str) -> list[Document]:
        blocked.wait(5)
        raise ConnectionError

    search = groundtrace.shadow(old, slow)

    assert search("q") == [Document(id="old")]  # returns while the candidate still waits
    blocked.set()
    assert _shadows.drain(5)


async def test_an_async_shadow_is_a_task(spans: SpanRecorder) -> None:
    search = groundtrace.shadow(async_old, async_broken)

    assert await search("q") == [Document(id="old")]
    await asyncio.gather(*_shadow_tasks)

    assert spans.named("async_broken").attributes["groundtrace.shadow"] is True
    assert "groundtrace.shadow" not in spans.named("async_old").attributes


# --- split


def test_a_split_marks_the_route_inside_and_around(spans: SpanRecorder) -> None:
    search = groundtrace.split({"v1": old, "v2": new}, shares={"v1": 0, "v2": 1})

    with groundtrace.chain("request"):
        assert search("q") == [Document(id="new")]

    assert spans.named("new").attributes["groundtrace.route"] == "v2"
    assert spans.named("request").attributes["groundtrace.route"] == "v2"


def test_one_session_always_takes_one_route(spans: SpanRecorder) -> None:
    search = groundtrace.split({"v1": old, "v2": new}, shares={"v1": 0.5, "v2": 0.5})

    for session in range(20):
        with groundtrace.context(session=f"s{session}"):
            assert search("a") == search("b") == search("c")

    assert {span.name for span in spans.all()} == {"old", "new"}


def test_a_key_of_ones_own_decides() -> None:
    seen: list[str] = []

    def key(query: str) -> str:
        seen.append(query)
        return "constant"

    search = groundtrace.split({"v1": old, "v2": new}, shares={"v1": 0.5, "v2": 0.5}, key=key)

    assert len({search(query)[0].id for query in "abcdefgh"}) == 1
    assert seen == list("abcdefgh")


def test_a_key_that_fails_leaves_the_choice_to_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROUNDTRACE_RAISE_FAULTS")

    def key(query: str) -> str:
        raise LookupError(query)

    search = groundtrace.split({"v1": old}, shares={"v1": 1}, key=key)

    assert search("q") == [Document(id="old")]


async def test_an_async_split_leaves_no_context_behind(spans: SpanRecorder) -> None:
    search = groundtrace.split({"v1": async_old}, shares={"v1": 1})
    before = otel_context.get_current()

    await search("q")

    assert spans.one().attributes["groundtrace.route"] == "v1"
    assert otel_context.get_current() == before


def test_shares_are_kept_over_many_keys() -> None:
    counts = Counter(chosen_route(f"user-{i}", {"v1": 9, "v2": 1}) for i in range(10_000))

    assert 900 < counts["v2"] < 1_100


@given(st.text(), st.lists(st.floats(0, 1e6), min_size=1, max_size=5).filter(lambda shares: sum(shares) > 0))
def test_a_route_is_always_chosen_and_never_one_without_a_share(key: str, shares: list[float]) -> None:
    named = {f"r{i}": share for i, share in enumerate(shares)}

    assert named[chosen_route(key, named)] > 0


# --- fallback


@pytest.mark.parametrize("first", [empty, broken], ids=["empty", "broken"])
def test_a_fallback_answers_when_the_first_cannot(
    spans: SpanRecorder, first: Callable[[str], list[Document]]
) -> None:
    search = groundtrace.fallback(first, new)

    with groundtrace.chain("request"):
        assert search("q") == [Document(id="new")]

    assert spans.named("new").attributes["groundtrace.fallback"] is True
    assert spans.named("request").attributes["groundtrace.fallback"] is True
    assert "groundtrace.fallback" not in spans.all()[1].attributes


def test_a_fallback_not_needed_leaves_no_mark(spans: SpanRecorder) -> None:
    groundtrace.fallback(old, new)("q")

    assert "groundtrace.fallback" not in spans.one().attributes


def test_when_all_fail_the_last_error_is_raised() -> None:
    with pytest.raises(ConnectionError, match="index is gone"):
        groundtrace.fallback(empty, broken)("q")


def test_when_all_are_empty_the_last_result_is_returned() -> None:
    assert groundtrace.fallback(broken, empty)("q") == []


async def test_an_async_fallback_does_the_same(spans: SpanRecorder) -> None:
    assert await groundtrace.fallback(async_broken, async_old)("q") == [Document(id="old")]
    assert spans.named("async_old").attributes["groundtrace.fallback"] is True


# --- wrong use


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda: groundtrace.shadow(old, async_old),
            "shadow: old, async_old must be all sync or all async",
            id="mixed",
        ),
        pytest.param(
            lambda: groundtrace.fallback(old), "fallback needs a second function to fall back to", id="alone"
        ),
        pytest.param(
            lambda: groundtrace.split({"v1": old}, shares={"v2": 1}),
            "split: shares must name the routes ['v1'], got ['v2']",
            id="names",
        ),
        pytest.param(
            lambda: groundtrace.split({"v1": old}, shares={"v1": 0}),
            "split: shares must be at least 0 and not all 0, got {'v1': 0}",
            id="zero",
        ),
    ],
)
def test_wrong_use_is_an_error_at_once(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        make()

    assert str(error.value) == message
