"""The pytest plugin: a fixture that fails a test with the gate's report.

pytest loads this module in every run where groundtrace is installed, so it imports nothing but pytest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from groundtrace_collector.gating.decision import Decision


@pytest.fixture(scope="session")
def groundtrace_gate() -> Callable[..., Decision]:
    """`groundtrace_gate("gate.toml", url=None)` decides a gate, and fails the test when it does not pass.

    Raises GateFileError for a file that cannot be understood, ExportError when no collector answers.
    """

    def decided(file: str | Path, *, url: str | None = None) -> Decision:
        from groundtrace_collector.gating.reports import text
        from groundtrace_collector.gating.run import run_gate

        decision = run_gate(Path(file), url=url)
        if not decision.passed:
            pytest.fail(text(decision), pytrace=False)
        return decision

    return decided
