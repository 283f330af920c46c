"""`groundtrace eval calibrate` from a file of labels to a gate that trusts the evaluator, on a real server."""

import json
from pathlib import Path

import httpx
from click.testing import CliRunner, Result

from groundtrace_collector.commands import eval as evaluating
from groundtrace_collector.commands import gate, scores
from tests.collector.calibrations.test_calibrations_api import HIGH, LOW, scored
from tests.collector.conftest import ServeProcess

GATE = """
[live]
by = "encoder"
base = "old"
candidate = "new"

[[rule]]
kind = "limit"
metric = "score:groundedness"
at_least = 0.5
"""


def test_labels_in_a_file_prove_an_evaluator_to_the_gate(serve: ServeProcess, tmp_path: Path) -> None:
    sent = [*scored("groundedness", HIGH, sign="up"), *scored("groundedness", LOW, sign="down")]
    httpx.post(f"{serve.url}/api/v1/scores", json={"scores": sent}).raise_for_status()
    rows = [
        f"{each['trace_id']},{'pass' if place < len(HIGH) else 'fail'}" for place, each in enumerate(sent)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["trace_id,label", *rows]))
    (tmp_path / "gate.toml").write_text(GATE)
    label = ["--set", "name=groundedness", "--set", "source=human", "--set", "evaluator=jane"]

    def run(command: object, *arguments: object) -> Result:
        given = [str(each) for each in arguments]
        return CliRunner().invoke(command, [*given, "--url", serve.url])  # type: ignore[arg-type]

    few = run(evaluating.command, "calibrate", "groundedness", "--labels", "feedback.thumbs")
    before = json.loads(run(gate.command, tmp_path / "gate.toml", "--json").stdout)
    assert run(scores.command, "import", tmp_path / "labels.csv", *label).exit_code == 0
    done = run(evaluating.command, "calibrate", "groundedness", "--method", "isotonic")
    listed = run(evaluating.command, "calibrations")
    after = json.loads(run(gate.command, tmp_path / "gate.toml", "--json").stdout)

    assert isinstance(few.exception, Exception)
    assert "no trace has both a score 'groundedness'" in str(few.exception)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[:2] == [
        "groundedness 9 (lexical), every project",
        "  labels              60 true, 60 false, 0 without a score (human)",
    ]
    assert "agreement proven" in done.stdout
    assert listed.stdout == done.stdout
    assert "no human labels of groundedness 9" in json.dumps(before)
    assert "no human labels" not in json.dumps(after)
