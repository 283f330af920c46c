"""The main job, end to end: the demo, what it leaves in its store, and what a crash leaves of that."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.collector_process import CollectorProcess

QUESTIONS = 120
pytestmark = pytest.mark.timeout(300)


def _groundtrace(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "groundtrace_collector.cli", *arguments],
        check=False, capture_output=True, text=True, timeout=240, cwd=home,
        env={**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / "data")},
    )  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def demo(home: Path) -> dict[str, Any]:
    """What `groundtrace demo --once --json` prints."""
    run = _groundtrace("demo", "--once", "--json", home=home)
    assert run.returncode == 0, run.stderr
    printed: dict[str, Any] = json.loads(run.stdout)
    return printed


@pytest.fixture(scope="module")
def collector(demo: dict[str, Any], home: Path) -> Iterator[CollectorProcess]:
    """A collector on the store that the demo left behind, as a later user would start it."""
    process = CollectorProcess(store=demo["store"], home=home, arguments=["--no-worker"])
    process.start()
    yield process
    process.stop()


def test_the_demo_traces_each_question_through_both_encoders(demo: dict[str, Any]) -> None:
    assert demo["traces"] >= 2 * QUESTIONS
    assert demo["spans"] >= 5 * demo["traces"]
    assert demo["scores"] > demo["traces"]


def test_the_demo_ends_with_the_comparison_by_document_family(demo: dict[str, Any]) -> None:
    families = {cohort["key"] for cohort in demo["cohorts"]}

    assert 6 <= len(families - {"*"}) <= 8
    for cohort in demo["cohorts"]:
        assert {"recall@5", "score:context_relevance", "fail_rate:groundedness", "p99_ms"} <= set(
            cohort["metrics"]
        )


def test_the_demo_keeps_its_store_and_unlocks_it(demo: dict[str, Any], collector: CollectorProcess) -> None:
    assert demo["store"].startswith("chdb:///")

    counted = collector.get("/api/v1/traces/count", where="project = 'demo'")

    assert counted == {"traces": demo["traces"], "spans": demo["spans"]}


def test_each_demo_trace_has_two_scores_or_the_reason_why_not(collector: CollectorProcess) -> None:
    traces = collector.get("/api/v1/traces", where="project = 'demo'", limit=1000)["traces"]

    for trace in traces:
        scored = {score["name"] for score in trace["scores"] if score["status"] == "ok"}
        if len(scored) < 2:
            detail = collector.get(f"/api/v1/traces/{trace['trace_id']}")
            assert [row["reason"] for row in detail["evaluations"] if row["status"] != "ok"], trace[
                "trace_id"
            ]


def test_a_demo_trace_shows_the_whole_way_of_an_answer(collector: CollectorProcess) -> None:
    where = "project = 'demo' and score.groundedness >= 0 and score.context_relevance >= 0"
    (listed,) = collector.get("/api/v1/traces", where=where, limit=1)["traces"]
    trace = collector.get(f"/api/v1/traces/{listed['trace_id']}")
    spans = {
        kind: [s for s in trace["spans"] if s["kind"] == kind] for kind in ("EMBEDDING", "RETRIEVER", "LLM")
    }
    stages = {stage: [d for d in trace["documents"] if d["stage"] == stage] for stage in _STAGES}

    assert len([span for span in trace["spans"] if not span["parent_span_id"]]) == 1
    assert spans["EMBEDDING"][0]["attributes"]["embedding.model_name"]
    assert spans["EMBEDDING"][0]["attributes"]["embedding.model_version"]
    assert spans["RETRIEVER"]
    for stage, documents in stages.items():
        assert documents, f"no documents at {stage}"
        assert all(d["id"] and d["rank"] >= 1 and d["content"] for d in documents)
    assert all(d["score"] is not None for d in stages["retrieved"] + stages["rerank_out"])
    assert [d["rank"] for d in stages["rerank_out"]] == list(range(1, len(stages["rerank_out"]) + 1))
    assert int(spans["LLM"][0]["attributes"]["llm.token_count.prompt"]) > 0
    assert {score["name"] for score in trace["scores"]} == {"groundedness", "context_relevance"}


_STAGES = ("retrieved", "rerank_in", "rerank_out")


def test_running_the_evaluation_jobs_again_adds_no_score(collector: CollectorProcess, home: Path) -> None:
    jobs = collector.get("/api/v1/jobs")["jobs"]
    assert jobs

    for job in jobs:
        run = _groundtrace("jobs", "run", job["name"], "--url", collector.url, "--json", home=home)
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["scores_added"] == 0


def test_a_killed_collector_has_every_trace_and_score_after_its_restart(collector: CollectorProcess) -> None:
    def held() -> tuple[Any, Any]:
        counted = collector.get("/api/v1/traces/count", where="project = 'demo'")
        return counted, collector.get("/api/v1/cohorts", by="project", metrics="traces,coverage:groundedness")

    before = held()
    collector.signal(signal.SIGKILL)
    collector.start()

    assert held() == before
