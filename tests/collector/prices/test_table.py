"""A price table is read with care, and says what a call cost, or that it does not know."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

import pytest

from groundtrace_collector.errors import ConfigError
from groundtrace_collector.prices.table import PriceTable, Usage, read_rows

HEADER = "model,input,output,cache_read,cache_write,over,since,source"
NOW_NS = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()) * 10**9


def table(*lines: str) -> PriceTable:
    return PriceTable(read_rows("\n".join((HEADER, *lines)), source="mine.csv"))


def cost(
    prices: PriceTable, model: str, prompt: int | None = 1_000_000, completion: int | None = 0,
    *, at_ns: int = NOW_NS, is_llm: bool = True, **cached: int,
) -> float | None:  # fmt: skip
    usage = Usage(prompt=prompt, completion=completion, **cached)
    return prices.cost_usd(model, at_ns, usage, is_llm=is_llm)


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        pytest.param("big", 8.0, id="exact"),
        pytest.param("BIG", 8.0, id="case"),
        pytest.param("big-2026-01-01", 4.0, id="pattern"),
        pytest.param("big-2026-01-01-mini", 2.0, id="longer-pattern"),
        pytest.param("openai/big", 8.0, id="provider-before-a-slash"),
        pytest.param("models/openai/big", 8.0, id="two-slashes"),
        pytest.param("big@2026", 8.0, id="version"),
        pytest.param("openai/big@2026", 8.0, id="slash-and-version"),
        pytest.param("mine/big", 1.0, id="a-name-with-its-slash"),
        pytest.param("other", None, id="unknown"),
        pytest.param("", None, id="no-name"),
        pytest.param("a.b", 16.0, id="a-dot-is-a-dot"),
        pytest.param("axb", None, id="and-no-other-character"),
        pytest.param("free-model", 0.0, id="free"),
        pytest.param("big-unpriced", None, id="known-to-have-no-price"),
    ],
)
def test_a_model_is_found_by_its_name(model: str, dollars: float | None) -> None:
    prices = table(
        "big,8,0,,,,,", "big-20*,4,0,,,,,", "big-20*-mini,2,0,,,,,", "mine/big,1,0,,,,,", "a.b,16,0,,,,,",
        "free-*,0,0,,,,,", "big-*,99,0,,,,,", "big-unpriced,,,,,,,",
    )  # fmt: skip

    assert cost(prices, model) == dollars


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        pytest.param({"prompt": 1_000, "completion": 100}, 0.003, id="prompt-and-completion"),
        pytest.param({"prompt": 1_000, "completion": 100, "cache_read": 400}, 0.00228, id="cached-once"),
        pytest.param(
            {"prompt": 1_000, "completion": 100, "cache_read": 400, "cache_write": 200}, 0.00238, id="written"
        ),
        pytest.param(
            {"prompt": 100, "completion": 0, "cache_read": 400}, 0.00028, id="prompt-without-its-cached"
        ),
        pytest.param({"prompt": 0, "completion": 100}, 0.001, id="no-prompt"),
        pytest.param({"prompt": None, "completion": 100}, None, id="prompt-unknown"),
        pytest.param({"prompt": 1_000, "completion": None}, None, id="completion-unknown"),
    ],
)
def test_cached_tokens_have_their_own_price_and_count_once(
    usage: dict[str, int | None], dollars: float | None
) -> None:
    found = cost(table("m,2,10,0.2,2.5,,,"), "m", **usage)  # type: ignore[arg-type]

    assert found == (None if dollars is None else pytest.approx(dollars))


def test_without_a_price_of_their_own_cached_tokens_cost_what_others_do() -> None:
    assert cost(table("m,2,10,,,,,"), "m", 1_000_000, 0, cache_read=500_000, cache_write=100_000) == 2.0


def test_an_embedding_has_no_output_and_an_answer_without_a_price_has_no_cost() -> None:
    prices = table("e,0.5,,,,,,")

    assert cost(prices, "e", 1_000_000, None, is_llm=False) == 0.5
    assert cost(prices, "e", 1_000_000, 1) is None


@pytest.mark.parametrize(
    ("prompt", "day", "dollars"),
    [
        pytest.param(1_000, "2025-01-01", 1.0, id="first"),
        pytest.param(1_001, "2025-01-01", 2.0, id="long"),
        pytest.param(1_001, "2026-03-13", 4.0, id="later-without-a-length"),
        pytest.param(1_000, "2026-03-12", 1.0, id="the-day-before"),
    ],
)
def test_a_price_holds_from_its_day_and_beyond_its_length(prompt: int, day: str, dollars: float) -> None:
    prices = table("m,4,0,,,,2026-03-13,", "m,1,0,,,,,", "m,2,0,,,1000,,")
    at_ns = int(datetime.fromisoformat(f"{day}T00:00:00Z").timestamp()) * 10**9

    assert cost(prices, "m", prompt, 0, at_ns=at_ns) == pytest.approx(dollars * prompt / 1e6)


def test_the_first_section_that_knows_a_name_answers() -> None:
    mine = read_rows("model,input,output\ngpt-*,7,7\nclaude-*,,\n", source="mine.csv")
    defaults = read_rows("model,input,output\ngpt-5,1,1\nclaude-5,1,1\nother,1,1\n", source="default.csv")
    prices = PriceTable(mine, defaults)

    assert [cost(prices, model) for model in ("gpt-5", "claude-5", "other")] == [7.0, None, 1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "mine.csv has no line that names its columns: model,input,output,", id="empty"),
        pytest.param("# only\n", "mine.csv has no line that names its columns", id="comments-only"),
        pytest.param("model,input\n", "line 1: there is no column 'output', got model, input", id="column"),
        pytest.param("model,input,output,x\n", "line 1: the columns are model, .*, each once; got 'x'", id="more"),
        pytest.param("model,input,output,input\n", "each once; got 'input'", id="twice"),
        pytest.param("model,input,output\n#\n\nm,1,2,3\n", "line 4: there are 3 columns, got 4 values: 'm,1,2,3'",
                     id="too-many"),
        pytest.param("model,input,output\nm,1,ten\n", "line 2: output must be US dollars .* got 'ten'", id="word"),
        pytest.param('model,input,output\nm,"3,50",1\n', "input must be US dollars .* got '3,50'", id="comma"),
        pytest.param("model,input,output\nm,-1,1\n", "input must be US dollars .* got '-1'", id="negative"),
        pytest.param("model,input,output\nm,nan,1\n", "got 'nan'", id="nan"),
        pytest.param("model,input,output\nm,inf,1\n", "got 'inf'", id="infinite"),
        pytest.param("model,input,output\nm,,1\n", "line 2: input must be a price where another one is", id="no-input"),
        pytest.param("model,input,output\n ,1,1\n", "line 2: model must name a model, got ''", id="no-model"),
        pytest.param("model,input,output,over\nm,1,1,-5\n", "over must be a whole number .* got '-5'", id="over"),
        pytest.param("model,input,output,since\nm,1,1,22.11.2026\n", "since must be a day .* got '22.11.2026'",
                     id="since"),
        pytest.param("model,input,output\nm,1,1\nx m,2,2\n", "line 3: 'm' has a price .* in line 2 already",
                     id="ambiguous"),
        pytest.param('model,input,output\n"m\n1",1,x\n', "line 3: output must be", id="line-of-a-quoted-break"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_value(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_rows(text, source="mine.csv")

    assert str(caught.value).startswith("prices: mine.csv")
    assert len(str(caught.value).splitlines()) == 1


def test_every_default_says_where_it_is_from() -> None:
    text = resources.files("groundtrace_collector.prices").joinpath("default.csv").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]

    assert "November 2026" in text
    assert lines[0] == HEADER
    assert all(line.rpartition(",")[2].startswith("https://") for line in lines[1:])
    prices = PriceTable(read_rows(text, source="default.csv"))
    assert cost(prices, "gpt-4o-2024-08-06", 1_000_000, 1_000_000, cache_read=1_000_000) == 11.25
    assert cost(prices, "text-embedding-3-small", 1_000_000, None, is_llm=False) == 0.02
    assert cost(prices, "gpt-4o-realtime-preview") is None, "a model of another price is no pattern's prey"
