"""docs/where.md and docs/metrics.md name everything there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from groundtrace_collector.query.dimensions import LENGTHS, NAMES
from groundtrace_collector.query.fields import FIELD_NAMES, KEYED_FIELDS, TRACE_FIELDS
from groundtrace_collector.query.intervals import Z, order_ranks
from groundtrace_collector.query.metrics import Direction, Form, catalogue
from groundtrace_collector.query.where import compile_where

DOCS = Path(__file__).parents[3] / "docs"
WHERE = (DOCS / "where.md").read_text(encoding="utf-8")
METRICS = (DOCS / "metrics.md").read_text(encoding="utf-8")
_ARGUMENTS = {"KIND": "LLM", "E": "groundedness", "K": "5", "": ""}


def _rows(text: str) -> dict[str, str]:
    """The line of a table that begins with each of its names."""
    rows = {}
    for line in text.splitlines():
        first = re.match(r"\| ((?:`[^`]+` ?)+)\|", line)
        for name in re.findall(r"`([^`]+)`", first[1]) if first else ():
            rows[name] = line
    return rows


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_every_field_has_a_row(name: str) -> None:
    written = {"attributes": "attributes['KEY']", "metadata": "metadata.KEY"}.get(name, name)
    row = _rows(WHERE)[f"{name}.NAME" if name in ("score", "feedback") else written]

    if name in TRACE_FIELDS and name not in KEYED_FIELDS:
        kind = TRACE_FIELDS[name].kind.replace("boolean", "true or false")
        assert f"| {kind} |" in row


def _expressions() -> list[str]:
    """What stands in the text as an expression: it begins with a field and compares it."""
    quoted = re.findall(r"`([^`\n]+)`", WHERE) + re.findall(r"```\n(.+?)\n```", WHERE)
    begins = re.compile(r"(not )?(" + "|".join(FIELD_NAMES) + r")\b.* ")
    return [text for text in quoted if begins.match(text) and "…" not in text]


def test_every_expression_shown_compiles() -> None:
    assert len(_expressions()) > 15
    for text in _expressions():
        assert compile_where(text).sql, text


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.pattern)
def test_every_metric_has_a_row_with_its_direction_and_interval(entry: object) -> None:
    pattern: str = entry.pattern  # type: ignore[attr-defined]
    placeholder = next((each for each in ("KIND", "E", "K") if re.search(f"[:@]{each}$", pattern)), "")
    name = pattern.removesuffix(placeholder) + _ARGUMENTS[placeholder]
    metric = entry.make(name, _ARGUMENTS[placeholder])  # type: ignore[attr-defined]
    row = _rows(METRICS)[pattern]

    direction: Direction | None = metric.direction
    _, _, better, interval, _ = row.replace("\\|", "").split(" |", 4)
    assert better.strip().startswith(direction or "none")
    assert interval.strip() == ("none" if metric.form is Form.COUNT else str(metric.form.value))


def test_every_dimension_is_named() -> None:
    section = METRICS.split("## Dimensions")[1].split("##")[0]

    rows = _rows(section)
    assert set(rows) == {*NAMES, "metadata.KEY"}
    assert set(re.findall(r"`([^`]+)`", rows["query_length"])) - {"query_length"} == set(LENGTHS)


def test_the_stated_size_for_a_bound_of_p99_is_the_smallest() -> None:
    assert "`p99_ms` needs 368 traces" in METRICS
    assert order_ranks(367, 0.99, Z)[1] is None
    assert order_ranks(368, 0.99, Z)[1] == 368
