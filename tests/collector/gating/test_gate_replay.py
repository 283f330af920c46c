"""`groundtrace gate` over a replay that it runs itself: no report, and no collector where the rows are a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from groundtrace_collector.commands.gate import command

if TYPE_CHECKING:
    from pathlib import Path

ENCODERS = "tests.collector.replay.families"
REPLAY = f"""
[replay]
dataset = "questions.jsonl"
corpus = "documents.jsonl"
base = "{ENCODERS}:old"
candidate = "{ENCODERS}:new"
by = "metadata.doc_family"
"""
NO_REGRESSION = """
[[rule]]
kind = "no-regression"
metric = "recall@3"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions and documents: the new encoder is better on average and worse on legal."""
    folder = tmp_path_factory.mktemp("gate")
    asked = [(family, n) for family, size in (("billing", 120), ("legal", 40)) for n in range(size)]
    _write(
        folder / "questions.jsonl",
        [
            {
                "query": f"query {family} {n}",
                "positive_ids": [f"{family}-{n}"],
                "metadata": {"doc_family": family},
            }
            for family, n in asked
        ],
    )
    _write(
        folder / "documents.jsonl",
        [{"id": f"{family}-{n}", "content": f"document {family} {n}"} for family, n in asked],
    )
    return folder


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _gate(folder: Path, text: str) -> tuple[int, dict[str, Any], str]:
    (folder / "gate.toml").write_text(text)
    done = CliRunner().invoke(command, [str(folder / "gate.toml"), "--json"])
    return done.exit_code, json.loads(done.stdout or "{}"), done.stderr


def test_a_gate_runs_its_replay_and_names_the_family_that_got_worse(folder: Path) -> None:
    code, found, words = _gate(folder, REPLAY + NO_REGRESSION)

    whole = found["checks"][0]
    assert (code, words, found["failed_cohorts"]) == (1, "", ["legal"])
    assert (found["source"], found["base"], found["candidate"]) == (
        "replay of questions.jsonl (160 rows)",
        "hashed@1",
        "hashed@2",
    )
    assert (whole["cohort"], whole["outcome"], whole["difference"]["value"] > 0) == ("*", "pass", True)


def test_limits_hold_churn_and_the_time_of_a_query_as_well(folder: Path) -> None:
    limits = "".join(
        f'[[rule]]\nkind = "limit"\nmetric = "{metric}"\nat_most = {most}\n'
        for metric, most in (("churn@3", 0.05), ("top1_changed", 1.0), ("query_ms", 10_000))
    )

    code, found, _ = _gate(folder, REPLAY + limits)

    assert code == 1
    assert {check["metric"]: check["outcome"] for check in found["checks"]} == {
        "churn@3": "fail",
        "top1_changed": "pass",
        "query_ms": "pass",
    }


def test_margins_of_two_spaces_are_not_compared_and_may_have_a_limit(folder: Path) -> None:
    compared = NO_REGRESSION.replace("recall@3", "margin") + 'cohorts = "whole"\n'
    limit = '[[rule]]\nkind = "limit"\nmetric = "margin"\nat_least = -2\n'

    _, found, _ = _gate(folder, REPLAY + compared + limit)

    refused, held = found["checks"]
    assert (refused["outcome"], held["outcome"]) == ("undecided", "pass")
    assert "margins of two embedding spaces have no difference; use margin_auroc" in refused["reason"]


def test_many_rows_about_few_documents_decide_nothing_where_these_are_drawn_together(folder: Path) -> None:
    rows = [{"query": f"query legal {n}", "positive_ids": [f"legal-{n % 4}"]} for n in range(40)]
    _write(folder / "few.jsonl", rows)
    asked = REPLAY.replace("questions", "few").replace('by = "metadata.doc_family"', 'cluster = "document"')
    limits = "".join(
        f'[[rule]]\nkind = "limit"\nmetric = "{metric}"\nat_least = 0\n' for metric in ("recall@3", "churn@3")
    )

    code, found, _ = _gate(folder, asked + NO_REGRESSION + limits)

    assert code == 1
    assert {(check["outcome"], check["reason"]) for check in found["checks"]} == {
        (
            "undecided",
            "insufficient data: 40 rows are of 4 queries or documents, and a verdict needs 20 of these",
        )
    }


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param(f"{ENCODERS}:new", f"{ENCODERS}:newest", "cannot be imported", id="encoder"),
        pytest.param("questions.jsonl", "question.jsonl", "question.jsonl: No such file", id="dataset"),
        pytest.param("documents.jsonl", "document.jsonl", "document.jsonl: No such file", id="corpus"),
        pytest.param("metadata.doc_family", "doc_family", "--by must be metadata.KEY", id="by"),
    ],
)
def test_a_replay_that_cannot_be_run_is_one_line_and_exit_2(
    folder: Path, old: str, new: str, says: str
) -> None:
    code, _, words = _gate(folder, REPLAY.replace(old, new) + NO_REGRESSION)

    assert code == 2
    assert words.startswith("Error: replay: ")
    assert says in words
    assert words.count("\n") == 1
