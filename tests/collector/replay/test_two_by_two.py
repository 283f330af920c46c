"""What the encoder changes, what the documents change, and what only both together do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from groundtrace_collector.commands.replay import command
from groundtrace_collector.replay.report import FourCells, TwoByTwoReport
from groundtrace_collector.replay.two_by_two import CELLS, effects

if TYPE_CHECKING:
    from pathlib import Path

HERE = "tests.collector.replay.letters"
ROWS = 200


def _effects(means: tuple[float, ...], rows: int = ROWS) -> FourCells:
    """Of four cells whose rows vary in common around the given means, base encoder over base corpus first."""
    rng = np.random.default_rng(9)
    common = rng.normal(0, 0.05, rows)
    cells = {name: mean + common + rng.normal(0, 0.05, rows) for name, mean in zip(CELLS, means, strict=True)}
    (whole,) = effects({"recall@5": cells}, cells, cells, ["*"] * rows, list(range(rows)))
    return whole.metrics["recall@5"]


@pytest.mark.parametrize(
    ("means", "encoder", "corpus", "interaction"),
    [
        pytest.param((0.5, 0.6, 0.5, 0.6), "better", "no difference", "no interaction", id="encoder"),
        pytest.param((0.6, 0.6, 0.5, 0.5), "no difference", "worse", "no interaction", id="corpus"),
        pytest.param((0.4, 0.5, 0.5, 0.6), "better", "better", "no interaction", id="both"),
        pytest.param((0.5, 0.6, 0.6, 0.5), "no difference", "no difference", "interaction", id="crossed"),
    ],
)
def test_the_change_is_laid_to_its_cause(
    means: tuple[float, ...], encoder: str, corpus: str, interaction: str
) -> None:
    found = _effects(means)

    verdicts = (found.encoder.verdict, found.corpus.verdict, found.interaction.verdict)
    assert verdicts == (encoder, corpus, interaction)


def test_effects_are_the_contrasts_of_the_cells() -> None:
    found = _effects((0.4, 0.5, 0.45, 0.7))
    cells = np.asarray([getattr(found, name).value for name in CELLS])

    assert found.encoder.value == pytest.approx((cells[1] - cells[0] + cells[3] - cells[2]) / 2)
    assert found.corpus.value == pytest.approx((cells[2] - cells[0] + cells[3] - cells[1]) / 2)
    assert found.interaction.value == pytest.approx(cells[3] - cells[2] - (cells[1] - cells[0]))
    assert found.interaction.low is not None
    assert found.interaction.high is not None
    assert found.interaction.low < float(cells[3] - cells[2] - cells[1] + cells[0]) < found.interaction.high


def test_few_rows_are_insufficient_data() -> None:
    found = _effects((0.1, 0.9, 0.1, 0.9), rows=19)

    assert {each.verdict for each in (found.encoder, found.corpus, found.interaction)} == {
        "insufficient data"
    }


def test_the_command_runs_both_encoders_over_both_corpora(tmp_path: Path) -> None:
    words = [f"{a}{b}{c}" for a in "abc" for b in "defg" for c in "hij"]
    rows, old, new = tmp_path / "rows.jsonl", tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    rows.write_text("".join(f"{json.dumps({'query': word, 'positive_chunk': word * 2})}\n" for word in words))
    lines = [f"{json.dumps({'id': word, 'content': word * 2})}\n" for word in words]
    old.write_text("".join(lines[::2]))  # half of the documents are not there yet
    new.write_text("".join(lines))
    sides = ("--base", f"{HERE}:letters", "--candidate", f"{HERE}:encodes", "--k", "1")
    asked = ["--dataset", str(rows), *sides, "--base-corpus", str(old), "--candidate-corpus", str(new)]

    done = CliRunner().invoke(command, [*asked, "--out", str(tmp_path / "out.json")])

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].startswith("*\trecall@1\t0.5\t0.5\t1\t1\t")
    report = TwoByTwoReport.model_validate_json((tmp_path / "out.json").read_text())
    recall = report.cohorts[0].metrics["recall@1"]
    assert (recall.corpus.value, recall.corpus.verdict) == (0.5, "better")
    assert (recall.encoder.value, recall.encoder.verdict) == (0.0, "no difference")
    assert (report.base_corpus.documents, report.candidate_corpus.documents) == (18, 36)


def test_one_corpus_of_two_is_misuse() -> None:
    sides = ("--base", f"{HERE}:letters", "--candidate", f"{HERE}:encodes")

    done = CliRunner().invoke(command, ["--dataset", "rows.jsonl", *sides, "--base-corpus", "old.jsonl"])

    assert done.exit_code == 2
    assert "go together" in done.stderr
