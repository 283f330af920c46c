"""Runs a gate: reads its file, asks the collector or reads the replay's report, decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundtrace_collector.gating.decision import Decision, decide
from groundtrace_collector.gating.evidence import Evidence, of_comparison, of_replay
from groundtrace_collector.gating.gate_file import GateFileError, read_gate
from groundtrace_collector.gating.proving import judged_score, read_calibrations, standing

if TYPE_CHECKING:
    from pathlib import Path

    from groundtrace import Client
    from groundtrace_collector.gating.gate_file import GateFile, Live
    from groundtrace_collector.gating.proving import Standing

NEWEST_SCORES = 1_000
"""As many scores of a name are looked at to learn which evaluators made them: one answer of the API."""


def run_gate(path: Path, *, url: str | None = None) -> Decision:
    """Decide the gate in the file; the environment names the collector where ``url`` is None.

    Raises GateFileError for a file, or a question in it, that cannot be understood; ExportError when no
    collector answers.
    """
    gate = read_gate(path)
    if gate.live is None:
        return decide(gate, _replayed(gate), {})
    from groundtrace import Client
    from groundtrace.errors import ApiError

    try:
        with Client(url) as client:
            evidence = _compared(client, gate.live, gate.metrics)
            standings = _standings(client, gate, gate.live)
    except ApiError as error:
        if error.status != 400:
            raise
        raise GateFileError(f"{path}: {error.message}") from error
    return decide(gate, evidence, standings)


def _compared(client: Client, live: Live, metrics: list[str]) -> Evidence:
    return of_comparison(
        client.compare(
            by=live.by,
            base=live.base,
            candidate=live.candidate,
            metrics=metrics,
            cohort=live.cohort,
            where=live.where,
            since=live.since,
            until=live.until,
        )
    )


def _standings(client: Client, gate: GateFile, live: Live) -> dict[str, Standing]:
    calibrations = read_calibrations(gate.gate.calibrations, gate.folder)
    judged = {name: score for name in gate.metrics if (score := judged_score(name))}
    made = {
        score: client.scores(name=score, where=live.where, limit=NEWEST_SCORES)["scores"]
        for score in set(judged.values())
    }
    return {name: standing(name, made[score], calibrations) for name, score in judged.items()}


def _replayed(gate: GateFile) -> Evidence:
    from groundtrace_collector.replay.report import ReplayError, read_report

    if gate.replay is None:
        raise GateFileError("a gate compares either [live] traces or a [replay] report: write one of them")
    try:
        return of_replay(read_report(gate.folder / gate.replay.report))
    except ReplayError as error:
        raise GateFileError(f"replay.report: {error}") from error
