"""The card of an encoder: its figures, its weak cohorts and what is not known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from groundtrace_collector.commands.card import command as card_command
from groundtrace_collector.commands.replay import command as replay_command
from groundtrace_collector.errors import CollectorError
from groundtrace_collector.replay.card import live_part
from groundtrace_collector.replay.report import ReplayError

if TYPE_CHECKING:
    from pathlib import Path

HERE = "tests.collector.replay.letters"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Letters against vowels: words that differ in their consonants only are lost on vowels."""
    folder = tmp_path_factory.mktemp("card")
    families = {"consonants": [f"{a}a{b}" for a in "bcdfg" for b in "hjkl mn".replace(" ", "")]}
    families["vowels"] = ["a" * a + "e" * b for a in range(1, 7) for b in range(1, 6) if a != b or a == 1]
    rows = [
        {"query": word, "positive_chunk": word * 2, "metadata": {"family": family}}
        for family, words in families.items()
        for word in words
    ]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    done = CliRunner().invoke(
        replay_command,
        [
            "--dataset", str(folder / "rows.jsonl"), "--by", "metadata.family", "--k", "1",
            "--base", f"{HERE}:letters", "--candidate", f"{HERE}:vowels", "--out", str(folder / "report.json"),
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder / "report.json"


def test_a_card_names_the_cohorts_that_are_weak_and_why(report: Path) -> None:
    done = CliRunner().invoke(
        card_command, ["letters@1", "--report", str(report), "--reports-only", "--json"]
    )

    assert done.exit_code == 0, done.output
    weak = {(each["key"], each["metric"], each["reason"]) for each in json.loads(done.stdout)["weak"]}
    assert ("consonants", "recall@1", "worse than letters@2") in weak
    assert any(key == "consonants" and "beyond the whole's" in reason for key, _, reason in weak)
    assert not any(key == "vowels" for key, _, _ in weak)


def test_the_markdown_has_the_space_the_figures_and_what_is_not_known(report: Path, tmp_path: Path) -> None:
    out = tmp_path / "card.md"
    arguments = ["letters@2", "--report", str(report), "--reports-only", "--out", str(out)]

    done = CliRunner().invoke(card_command, arguments)

    assert done.stdout == out.read_text()
    assert done.stdout.startswith("# letters@2\n")
    for said in ("26 dimensions", "base against letters@1", "| cohort | recall@1 | ndcg@1 | mrr | margin |"):
        assert said in done.stdout
    assert "- collapse and drift: traces and reports keep no vectors" in done.stdout


def test_a_card_that_cannot_be_written_is_told_in_one_line(report: Path, tmp_path: Path) -> None:
    arguments = [
        "letters@2",
        "--report",
        str(report),
        "--reports-only",
        "--out",
        str(tmp_path / "no" / "card.md"),
    ]

    done = CliRunner().invoke(card_command, arguments)

    assert isinstance(done.exception, CollectorError)
    assert str(done.exception) == f"cannot write {tmp_path}/no/card.md: No such file or directory"


def test_a_report_of_other_encoders_is_refused(report: Path) -> None:
    done = CliRunner().invoke(card_command, ["bge@1", "--report", str(report), "--reports-only"])

    assert isinstance(done.exception, ReplayError)
    assert "is of letters@2 and letters@1, not of bge@1" in str(done.exception)


def test_an_encoder_without_traces_is_told() -> None:
    with pytest.raises(ReplayError, match="no trace of the encoder 'bge@1'"):
        live_part(
            {"by": "encoder", "cohorts": []}, {"by": "route", "cohorts": []}, since=None, encoder="bge@1"
        )
