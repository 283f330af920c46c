"""The example for GitHub Actions: its commands are real ones, and a failed gate fails the job."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import yaml

from groundtrace_collector.commands.gate import command

EXAMPLE = Path(__file__).parents[3] / "examples" / "gate" / "github-actions.yml"


def test_the_workflows_gate_is_a_command_as_it_stands_and_its_reports_are_kept() -> None:
    steps = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["jobs"]["gate"]["steps"]
    (gate,) = [step for step in steps if step.get("run", "").startswith("groundtrace gate ")]

    context = command.make_context("gate", shlex.split(gate["run"])[2:])

    assert isinstance(context, click.Context)
    assert context.params["file"] == Path("gate.toml")
    assert "continue-on-error" not in gate
    kept = [step for step in steps[steps.index(gate) + 1 :] if step["if"] == "always()"]
    (upload,) = [step["with"]["path"] for step in kept if "upload-artifact" in step.get("uses", "")]
    reports = (context.params["markdown"], context.params["junit"])
    assert all(path.match(upload) for path in reports)
