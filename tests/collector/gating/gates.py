"""Gates and evidence for tests of decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from groundtrace_collector.gating.decision import Decision, decide
from groundtrace_collector.gating.evidence import Evidence, of_comparison
from groundtrace_collector.gating.gate_file import GateFile
from groundtrace_collector.query.differences import (
    mean_difference,
    newcombe,
    paired_means,
    paired_rates,
)
from groundtrace_collector.query.intervals import (
    Sums,
    mean_value,
    rate_value,
)
from groundtrace_collector.query.metrics import Form

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


def sums(values: NDArray[np.float64]) -> Sums:
    """The sums of independent observations."""
    n, total, squares = len(values), float(values.sum()), float((values**2).sum())
    return Sums(n=n, clusters=n, total=total, weight=n, squares=squares, weight_squares=n, products=total)


def sampled(
    base: NDArray[np.float64], candidate: NDArray[np.float64], *, form: Form, paired: bool
) -> dict[str, Any]:
    """One metric over observations of both sides, by the estimators of the API."""
    sides = sums(base), sums(candidate)
    of_side = rate_value if form is Form.RATE else mean_value
    if paired:
        change = sums(candidate - base)
        between = paired_rates if form is Form.RATE else paired_means
        difference = between(change.n, change.total, change.squares, watched=False)
    else:
        difference = (newcombe if form is Form.RATE else mean_difference)(*sides, watched=False)
    return {
        "base": of_side(sides[0]).as_json(),
        "candidate": of_side(sides[1]).as_json(),
        "difference": difference.value.as_json(),
        "paired": paired,
    }
