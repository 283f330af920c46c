"""The table and the words that the demo ends with."""

from typing import Any

import pytest
from rich.console import Console

from groundtrace_collector.demo.report import cell_lines, comparison_table, summary
from groundtrace_collector.demo.results import METRICS, Highlight, Results, highlight, most_changed

Json = dict[str, Any]


def _value(value: float | None, low: float | None = None, high: float | None = None, n: int = 22) -> Json:
    return {"value": value, "low": low, "high": high, "n": n}


def _cell(base: float, candidate: float, verdict: str = "no difference", half: float = 0.1) -> Json:
    difference = candidate - base
    return {
        "base": _value(base),
        "candidate": _value(candidate),
        "difference": _value(difference, difference - half, difference + half),
        "paired": True,
        "verdict": verdict,
    }


def _cohort(key: str, recall: Json) -> Json:
    others = {
        "score:context_relevance": _cell(0.5, 0.61),
        "fail_rate:groundedness": _cell(0.0, 0.0, half=0.02),
        "p99_ms": _cell(12.0, 31.4, "worse", half=3.0),
        "tokens_per_trace": _cell(1812.0, 1790.0, half=100.0),
    }
    return {"key": key, "metrics": {"recall@5": recall} | others}


COMPARED: Json = {
    "by": "encoder",
    "base": "hash@1",
    "candidate": "lsa@2",
    "cohorts": [
        _cohort("*", _cell(0.48, 0.51)),
        _cohort("statements", _cell(0.30, 0.57, "better")),
        _cohort("functions", _cell(0.90, 0.50)),
    ],
}


def _trace(encoder: str, row: str, relevance: float | None) -> Json:
    return {
        "trace_id": f"{row}-{encoder}",
        "encoder": encoder,
        "dataset_row": row,
        "query": f"What about {row}?",
        "scores": [{"name": "groundedness", "score": 1.0}, {"name": "context_relevance", "score": relevance}],
    }


TRACES = [
    *(_trace("hash@1", "swap", 0.4), _trace("lsa@2", "swap", 0.5)),
    *(_trace("hash@1", "loop", 0.2), _trace("lsa@2", "loop", 0.9)),
    *(_trace("hash@1", "pass", 0.1), _trace("lsa@2", "pass", 1.0)),
    *(_trace("hash@1", "with", None), _trace("lsa@2", "with", 0.3)),
]
# "pass" moved most in ContextRelevance, but both encoders found its answer.
RECALL = {
    ("hash@1", "swap"): 0.0,
    ("lsa@2", "swap"): 1.0,
    ("hash@1", "loop"): 0.0,
    ("lsa@2", "loop"): 1.0,
    ("hash@1", "pass"): 1.0,
    ("lsa@2", "pass"): 1.0,
    ("hash@1", "with"): 1.0,
    ("lsa@2", "with"): 0.0,
}


def _results(found: Highlight | None = None) -> Results:
    return Results(traces=358, spans=3580, scores=690, cohorts=[], compare=COMPARED, highlight=found)


def _rendered(width: int) -> str:
    console = Console(width=width, record=True, color_system=None)
    with console.capture() as captured:
        console.print(comparison_table(_results(), width=width))
    return captured.get()


def _highlight(compared: Json, traces: list[Json]) -> Highlight | None:
    family = most_changed(compared)
    return None if family is None else highlight(compared, family, traces, recall=RECALL)


def test_a_family_with_a_verdict_is_named_before_one_that_only_moved_further() -> None:
    assert most_changed(COMPARED) == "statements"


def test_the_question_to_look_at_is_one_that_only_one_encoder_answered() -> None:
    found = _highlight(COMPARED, TRACES)

    assert found is not None
    assert (found.lost, found.lost_trace_id) == ("hash@1", "loop-hash@1")
    assert (found.won, found.won_trace_id) == ("lsa@2", "loop-lsa@2")
    assert found.query == "What about loop?"


def test_where_the_candidate_got_worse_it_is_the_one_that_lost() -> None:
    found = _highlight(COMPARED | {"cohorts": [_cohort("functions", _cell(0.90, 0.50, "worse"))]}, TRACES)

    assert found is not None
    assert (found.lost_trace_id, found.won_trace_id) == ("with-lsa@2", "with-hash@1")


def test_nothing_is_named_when_no_family_has_a_recall_or_no_question_a_pair() -> None:
    undefined = {"base": _value(None), "candidate": _value(None), "difference": _value(None), "verdict": "x"}

    assert _highlight(COMPARED | {"cohorts": [_cohort("statements", undefined)]}, TRACES) is None
    assert _highlight(COMPARED, TRACES[:1]) is None


@pytest.mark.parametrize(
    ("metric", "cell", "lines"),
    [
        ("recall@5", _cell(0.30, 0.57, "better"), ("0.30 → 0.57", "+0.27 [+0.17, +0.37]", "better")),
        ("fail_rate:groundedness", _cell(0.5, 0.2), ("50% → 20%", "-30% [-40%, -20%]", "no difference")),
        ("tokens_per_trace", _cell(1812.0, 1790.0), ("1,812 → 1,790", "-22 [-22, -22]", "no difference")),
        ("recall@5", _cell(0.5, 0.501), ("0.50 → 0.50", "0.00 [-0.10, +0.10]", "no difference")),
    ],
)
def test_a_cell_holds_both_values_the_interval_and_the_verdict(
    metric: str, cell: Json, lines: tuple[str, str, str]
) -> None:
    assert cell_lines(metric, cell) == lines


def test_too_few_pairs_are_counted_instead_of_judged() -> None:
    cell = _cell(0.5, 0.6, "insufficient data") | {"difference": _value(0.1, None, None, n=18)}

    assert cell_lines("recall@5", cell) == ("0.50 → 0.60", "+0.10", "insufficient data (18)")


def test_many_pairs_that_still_do_not_suffice_are_not_counted() -> None:
    cell = _cell(20.0, 30.0, "insufficient data") | {"difference": _value(10.0, None, None, n=358)}

    assert cell_lines("p99_ms", cell) == ("20 → 30", "+10", "insufficient data")


def test_what_is_undefined_is_a_dash() -> None:
    cell = {
        "base": _value(None, n=0),
        "candidate": _value(0.5),
        "difference": _value(None, n=0),
        "verdict": "insufficient data",
    }

    assert cell_lines("recall@5", cell) == ("- → 0.50", "-", "insufficient data (0)")


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_shows_every_family_and_metric_uncut(width: int) -> None:
    shown = _rendered(width)

    assert max(len(line) for line in shown.splitlines()) <= width
    for word in (
        "all",
        "statements",
        "functions",
        "recall@5",
        "ContextRelevance",
        "p99 ms",
        "better",
        "worse",
    ):
        assert word in shown
    assert "…" not in shown
    assert shown.count("0.30 → 0.57") == 1
    assert shown.count("1,812 → 1,790") == len(COMPARED["cohorts"])


def test_the_summary_links_both_traces_while_the_collector_is_up() -> None:
    lines = "\n".join(
        summary(_results(_highlight(COMPARED, TRACES)), store="chdb:///s", url="http://h:1", estimated=True)
    )

    assert "statements changed most: recall@5 0.30 → 0.57 (better)" in lines
    assert "hash@1 missed the answer  http://h:1/traces/loop-hash@1" in lines
    assert "lsa@2 found it  http://h:1/traces/loop-lsa@2" in lines
    assert "token counts are estimates" in lines
    assert "groundtrace serve" not in lines


def test_the_summary_of_a_stopped_demo_says_how_to_open_its_store_again() -> None:
    lines = summary(_results(), store="chdb:///s", url=None, estimated=False)

    assert lines[-1].endswith("groundtrace serve --store chdb:///s")
    assert not any("estimates" in line for line in lines)


def test_the_json_has_a_url_only_while_the_collector_is_up() -> None:
    up = _results().as_json(store="chdb:///s", url="http://h:1")
    down = _results().as_json(store="chdb:///s", url=None)

    assert {"traces", "spans", "scores", "cohorts", "compare", "store"} == set(down)
    assert up == down | {"url": "http://h:1"}


def test_every_metric_of_the_comparison_is_shown() -> None:
    for metric in METRICS:
        assert cell_lines(metric, _cell(1.0, 2.0))[0]
