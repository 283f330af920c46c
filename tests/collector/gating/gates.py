"""Gates and evidence for tests of decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from groundtrace_collector.gating.decision import Decision, decide
from groundtrace_collector.gating.evidence import Evidence, of_comparison
from groundtrace_collector.gating.gate_file import GateFile
from groundtrace_collector.query.comparison import compare_paired, compare_sides, judge
from groundtrace_collector.query.metrics import Form, metric
from tests.collector.query.samples import pair_row, side_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from groundtrace_collector.gating.proving import Standing

LIVE = {"by": "encoder", "base": "old", "candidate": "new", "cohort": "metadata.doc_family"}


def gate(*rules: Mapping[str, Any], **settings: Any) -> GateFile:
    """A gate over live traces with these rules."""
    return GateFile.model_validate({"gate": settings, "live": LIVE, "rule": list(rules)})


def value(number: float | None, reach: float | None = None, n: int = 100) -> dict[str, Any]:
    """A metric value of the API, its interval reaching as far to both sides."""
    known = number is not None and reach is not None
    return {
        "value": number,
        "low": number - reach if known else None,  # type: ignore[operator]
        "high": number + reach if known else None,  # type: ignore[operator]
        "n": n,
    }


def compared(
    difference: float | None,
    reach: float | None = 0.02,
    *,
    n: int = 100,
    candidate: float = 0.5,
    paired: bool = True,
) -> dict[str, Any]:
    """One metric of one cohort, as the API gives it."""
    return {
        "base": value(None if difference is None else candidate - difference, reach, n),
        "candidate": value(candidate, reach, n),
        "difference": value(difference, reach, n),
        "paired": paired,
    }


def evidence(cohorts: Mapping[str, Mapping[str, Any]], *, metric: str = "recall@5") -> Evidence:
    """Evidence on one metric by cohort; `whole` is all traffic."""
    keys = {("*" if key == "whole" else key): found for key, found in cohorts.items()}
    return of_comparison(
        {
            **{key: LIVE[key] for key in ("by", "base", "candidate")},
            "cohorts": [{"key": key, "metrics": {metric: found}} for key, found in keys.items()],
        }
    )


def decided(
    gate: GateFile, standings: Mapping[str, Standing] | None = None, **cohorts: Mapping[str, Any]
) -> Decision:
    """The decision of the gate on recall@5 in these cohorts."""
    return decide(gate, evidence(cohorts), standings or {})


def sampled(
    base: NDArray[np.float64], candidate: NDArray[np.float64], *, form: Form, paired: bool
) -> dict[str, Any]:
    """One metric over observations of both sides, by the functions of the API."""
    of = metric("error_rate" if form is Form.RATE else "recall@5")
    if paired:
        compared = compare_paired(of, pair_row(base, candidate), watched=False)
    else:
        compared = compare_sides(of, side_row(base), side_row(candidate), watched=False)
    return judge({(True, ""): compared})[True, ""]
