"""Runs a gate: reads its file, asks the collector, reads a replay's report or runs the replay, decides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from groundtrace_collector.gating.decision import Decision, decide
from groundtrace_collector.gating.evidence import Evidence, of_comparison, of_replay, with_own
from groundtrace_collector.gating.gate_file import GateFileError, Limit, Live, read_gate
from groundtrace_collector.gating.proving import (
    judged_score,
    kept_calibrations,
    read_calibrations,
    standing,
)
from groundtrace_collector.query.dimensions import dimension
from groundtrace_collector.query.metrics import metric
from groundtrace_collector.query.sides import WINDOW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from groundtrace import Client
    from groundtrace_collector.gating.gate_file import GateFile, Replay
    from groundtrace_collector.gating.proving import Standing
    from groundtrace_collector.replay.report import Report

    Cohorts = Sequence[Mapping[str, Any]]

NEWEST_SCORES = 1_000
"""As many scores of a name and source are looked at to learn which evaluators made them: one answer of the API."""


def run_gate(path: Path, *, url: str | None = None) -> Decision:
    """Decide the gate in the file; the environment names the collector where ``url`` is None.

    Raises GateFileError for a file, or a question in it, that cannot be understood; ExportError when no
    collector answers.
    """
    from groundtrace.errors import ApiError

    gate = read_gate(path)
    source = gate.source
    try:
        if isinstance(source, Live):
            return _of_live(gate, source, url)
        return decide(gate, _of_replay(gate, source, url), {})
    except ApiError as error:
        if error.status not in (400, 404):
            raise
        raise GateFileError(f"{path}: {error.message}") from error


def _of_live(gate: GateFile, live: Live, url: str | None) -> Decision:
    from groundtrace import Client

    with Client(url) as client:
        return decide(gate, _compared(client, gate, live), _standings(client, gate, live))


def _compared(client: Client, gate: GateFile, live: Live) -> Evidence:
    own = _own(gate)
    answer = client.compare(
        by=live.by,
        base=live.base,
        candidate=live.candidate,
        metrics=[name for name in gate.metrics if name not in own] or ["traces"],
        cohort=live.cohort,
        where=live.where,
        saved=live.saved,
        since=live.since,
        until=live.until,
    )
    if answer.get("more") and any(rule.cohorts != "whole" for rule in gate.rule):
        raise GateFileError(
            f"live.cohort: {live.cohort} has more than the {len(answer['cohorts']) - 1} cohorts that are compared: "
            "narrow the traces by where, or split them by something coarser"
        )
    evidence = of_comparison(answer)
    return with_own(evidence, *_of_candidate(client, live, own)) if own else evidence


def _own(gate: GateFile) -> list[str]:
    """Metrics on each encoder's own scale, where rules hold the candidate's against a limit and compare nothing."""
    compared = {rule.metric for rule in gate.rule if not isinstance(rule, Limit)}
    return [name for name in gate.metrics if metric(name).space and name not in compared]


def _of_candidate(client: Client, live: Live, metrics: list[str]) -> tuple[Cohorts, Cohorts]:
    """The metrics of the candidate's traces: all of them, and cohort by cohort."""
    candidate = "" if live.by == WINDOW else dimension(live.by).where(live.candidate)
    if not candidate:
        raise GateFileError(
            f"{', '.join(metrics)}: each encoder has its own scale, and no where-expression finds the traces of "
            f"{live.by} {live.candidate!r} alone: compare by encoder, or write a limit over a [replay]"
        )
    parts = (f"({live.where})" if live.where else "", candidate)
    where = " and ".join(filter(None, parts))
    whole, families = (
        client.cohorts(
            by=by, metrics=metrics, where=where, cohort=live.saved, since=live.since, until=live.until
        )["cohorts"]
        if by
        else []
        for by in (live.by, live.cohort)
    )
    return whole, families


def _standings(client: Client, gate: GateFile, live: Live) -> dict[str, Standing]:
    in_files = read_calibrations(gate.gate.calibrations, gate.folder)
    judged = {name: score for name in gate.metrics if (score := judged_score(name))}
    made = {score: _made(client, live, score) for score in set(judged.values())}
    kept = client.get("/api/v1/calibrations")["calibrations"] if judged else []
    return {
        name: standing(name, made[score], [*kept_calibrations(kept, made[score]), *in_files])
        for name, score in judged.items()
    }


def _made(client: Client, live: Live, score: str) -> list[Mapping[str, Any]]:
    """The newest scores that need proof, source by source: those of people, however many, must not crowd them out."""
    return [
        each
        for source in ("evaluator", "api")
        for each in client.scores(
            name=score, source=source, where=live.where, cohort=live.saved, limit=NEWEST_SCORES
        )["scores"]
    ]


def _of_replay(gate: GateFile, asked: Replay, url: str | None) -> Evidence:
    from groundtrace_collector.datasets.files import DatasetFileError
    from groundtrace_collector.imports.table_file import TableFileError
    from groundtrace_collector.replay.report import ReplayError, read_report

    try:
        if asked.report is not None:
            return of_replay(read_report(gate.folder / asked.report))
        return of_replay(_run(gate, asked, url))
    except (ReplayError, DatasetFileError, TableFileError) as error:
        raise GateFileError(f"replay: {error}") from error


def _run(gate: GateFile, asked: Replay, url: str | None) -> Report:
    from groundtrace_collector.replay import sources
    from groundtrace_collector.replay.encoders import encoder_at
    from groundtrace_collector.replay.replay import Settings, replay

    dataset = asked.dataset
    if dataset is not None and sources.is_file(dataset):
        dataset = str(gate.folder / dataset)
    source = sources.Source(
        dataset=dataset,
        sample=asked.sample or 0,
        where=asked.where,
        cohort=asked.cohort,
        since=asked.since,
        corpus=gate.folder / asked.corpus if asked.corpus else None,
    )
    encoders = encoder_at(asked.base or ""), encoder_at(asked.candidate or "")
    settings = Settings(k=gate.cut_offs or Settings().k, by=asked.by, cluster=asked.cluster)
    return replay(*sources.read(source, url), *encoders, settings, now=datetime.now(UTC))
