"""The demo's evaluation: a job over its traces, and the wait until each of them is decided."""

import time
from collections.abc import Callable
from typing import Any, Final

from groundtrace import Client
from groundtrace.errors import GroundtraceError
from groundtrace_collector.demo.pipeline import PROJECT

JOB: Final = "quality"
EVALUATORS: Final = ("groundedness", "context_relevance")
EVERY: Final = "5s"
WHERE: Final = f"project = '{PROJECT}'"

_SETTLE_S: Final = 30.0
_SCORE_S: Final = 300.0
_POLL_S: Final = 0.25
_QUIET_S: Final = 1.25  # touched traces are settled at most once a second


def add_job(client: Client) -> None:
    """Let the collector's worker score the demo's traces from now on."""
    client.post(
        "/api/v1/jobs",
        {"name": JOB, "evaluators": list(EVALUATORS), "every": EVERY, "project": PROJECT},
    )


def wait_for_traces(client: Client, traces: int) -> None:
    """Return once ``traces`` traces are settled and no span is added to them any more.

    Raises GroundtraceError when they do not arrive.
    """
    deadline = time.monotonic() + _SETTLE_S
    counted, since = client.count(where=WHERE), time.monotonic()
    while counted["traces"] < traces or time.monotonic() - since < _QUIET_S:
        if time.monotonic() > deadline:
            raise GroundtraceError(
                f"only {counted['traces']} of {traces} traces arrived within {_SETTLE_S:g} s;"
                " unset OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER and OTEL_TRACES_SAMPLER if one of them is set"
            )
        time.sleep(_POLL_S)
        newly = client.count(where=WHERE)
        if newly != counted:
            counted, since = newly, time.monotonic()


def score_traces(client: Client, *, on_progress: Callable[[float], None]) -> None:
    """Have everything scored that the ledger lacks; ``on_progress`` is told the share in [0, 1].

    Raises GroundtraceError when the worker does not finish.
    """
    run = client.post("/api/v1/jobs/runs", {"job": JOB})
    deadline = time.monotonic() + _SCORE_S
    while not run["finished"]:
        if time.monotonic() > deadline:
            raise GroundtraceError(f"the worker did not finish within {_SCORE_S:g} s: {run}")
        on_progress(_share(run))
        time.sleep(_POLL_S)
        run = client.get(f"/api/v1/jobs/runs/{run['run']}")
    on_progress(1.0)


def _share(run: dict[str, Any]) -> float:
    decided: int = sum(run["decided"].values())
    total: int = run["total"]
    return min(1.0, decided / max(1, total))
