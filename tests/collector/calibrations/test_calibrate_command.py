"""`groundtrace eval calibrate` from a file of labels to a gate that trusts the evaluator, on a real server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from groundtrace_collector.commands import eval as evaluating
from groundtrace_collector.commands import gate, scores
from groundtrace_evaluators.sentences import split_sentences
from tests.collector.calibrations.test_calibrations_api import HIGH, LOW, scored
from tests.collector.conftest import ServeProcess
from tests.collector.jobs.processes import groundtrace, send_traces
from tests.evaluators.judge.stub import Answer, completion, is_canary, read_task, serving

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


@pytest.mark.verify
def test_a_judge_that_says_something_else_the_second_time_flips(serve: ServeProcess, tmp_path: Path) -> None:
    settings = tmp_path / "evaluators.toml"
    environ = {"GROUNDTRACE_EVALUATORS": str(settings)}
    send_traces(serve.url, range(8), words=8, passages=1)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return groundtrace("eval", *arguments, url=serve.url, environ=environ)

    with serving(lambda request: judging(request, "supported")) as endpoint:
        settings.write_text(
            f'[mini]\nuse = "judged_groundedness"\nbase_url = "{endpoint.url}"\nmodel = "stub"\n'
            f'folder = "{tmp_path / "kept"}"\n'
        )
        unknown, before = run("retest", "mni"), run("retest", "mini")
        assert run("run", "mini").returncode == 0
        asked = len(endpoint.requests)
        same = json.loads(run("retest", "mini", "--json").stdout)
        again = len(endpoint.requests) - asked
        endpoint.answer = lambda request: judging(request, "not_found")
        other = run("retest", "mini", "--limit", "4")

    assert "no evaluator is named 'mni'" in unknown.stderr
    assert "has scored nothing" in before.stderr
    assert (same["flips"]["value"], same["flips"]["n"], again) == (0.0, 8, asked)
    assert other.stdout.splitlines()[1] == "  flip rate           1.000 (0.510 to 1.000) of 4 cases"


def judging(request: dict[str, Any], verdict: str) -> Answer:
    """One verdict on every claim but the made-up ones, with a quote that is there."""
    task = read_task(request)
    quote = {"passage": 1, "quote": max(split_sentences(task.passages[0]), key=len)}
    said = [
        {"claim": number, "verdict": "not_found" if is_canary(claim) else verdict, "evidence": [quote]}
        for number, claim in enumerate(task.claims, start=1)
    ]
    return completion(json.dumps({"verdicts": said}))
