"""The fixture fails a test with the gate's report, here over the report of a replay."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from groundtrace_collector.replay.report import Report
from tests.collector.gating.gates import compared

if TYPE_CHECKING:
    from pathlib import Path

GATE = '[replay]\nreport = "report.json"\n[[rule]]\nkind = "no-regression"\nmetric = "recall@5"\ncohorts = ["COHORT"]\n'
TESTS = """
import sys

def test_gate_of_legal(groundtrace_gate):
    assert groundtrace_gate("legal.toml").passed
    assert "chdb" not in sys.modules

def test_gate_of_billing(groundtrace_gate):
    groundtrace_gate("billing.toml")
"""


def _encoder(name: str) -> dict[str, Any]:
    figure = {"value": 1.0, "low": None, "high": None, "n": 3}
    return {
        "name": name,
        "address": f"app:{name}",
        "fingerprint": name,
        "dimension": 8,
        "query_ms": figure,
        "query_ms_p95": None,
        "texts_per_s": 1.0,
        "tokens": None,
        "noise": {},
    }


def _cohort(key: str, difference: float) -> dict[str, Any]:
    measured = compared(difference) | {
        "wins": 1,
        "losses": 1,
        "direction": "higher",
        "p_value": None,
        "adjusted_p_value": None,
        "verdict": None,
    }
    return {
        "key": key,
        "rows": 100,
        "clusters": 100,
        "metrics": {"recall@5": measured},
        "churn": {},
        "judged": {},
    }


def _report() -> str:
    """A replay in which the candidate is worse on billing."""
    whole = {
        "created_at": datetime.now(UTC),
        "dataset": {"name": "questions", "rows": 200, "digest": "d"},
        "corpus": {"name": "handbook", "documents": 50, "digest": "c"},
        "k": (5,),
        "by": "metadata.doc_family",
        "cluster": "query",
        "base": _encoder("old"),
        "candidate": _encoder("new"),
        "warnings": (),
        "cohorts": (_cohort("*", 0.1), _cohort("billing", -0.2), _cohort("legal", 0.3)),
    }
    return Report.model_validate(whole).model_dump_json()


def test_a_gate_that_fails_fails_its_test_with_the_report(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(_report())
    for cohort in ("legal", "billing"):
        (tmp_path / f"{cohort}.toml").write_text(GATE.replace("COHORT", cohort))
    (tmp_path / "test_release.py").write_text(TESTS)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert "FAIL: no-regression recall@5, billing" in done.stdout
    assert "gate: new against old, replay of questions (200 rows)" in done.stdout
