"""Whether an evaluator's verdicts may block a release."""

from dataclasses import dataclass

from groundtrace_evaluators.calibration import MIN_KAPPA, Calibration

EXACT_METHOD = "ids"
"""Computed from ids alone: there is no judgement that people could disagree with."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether agreement with people is proven, and on what that rests."""

    proven: bool
    reason: str
    """One line for a report."""


def proof(
    name: str, version: str, method: str, *, calibration: Calibration | None, min_kappa: float = MIN_KAPPA
) -> Proof:
    """Whether the agreement of one evaluator, version and method with people is proven.

    ``calibration`` is what ``calibrate`` learnt from labelled scores of exactly these; it proves agreement when the
    lower bound of Cohen's kappa on labels it had not seen reaches ``min_kappa``. Without one only measures over
    ids are proven. A gate must not let an unproven evaluator decide unless the user says so.

    >>> proof("judged_groundedness", "3", "judge:gpt", calibration=None).reason
    'no human labels of judged_groundedness 3 (judge:gpt): calibrate it on at least 50 of each kind'
    >>> proof("mrr", "1", "ids", calibration=None).proven
    True
    """
    if method == EXACT_METHOD:
        return Proof(proven=True, reason=f"{name} is computed from ids, not judged")
    source = _source(name, version, method)
    if calibration is None:
        return Proof(
            proven=False, reason=f"no human labels of {source}: calibrate it on at least 50 of each kind"
        )
    of = (calibration.evaluator, calibration.version, calibration.scored_by)
    if of != (name, version, method):
        made_of = _source(*of) if of[0] else "plain numbers that name no evaluator"
        return Proof(
            proven=False,
            reason=f"the calibration is of {made_of}, not of {source}: calibrate anew, from its Scores",
        )
    kappa = calibration.kappa
    measured = (
        f"kappa {kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f}) on {kappa.n} labels of {source}"
    )
    if calibration.proven(min_kappa=min_kappa):
        return Proof(proven=True, reason=measured)
    return Proof(proven=False, reason=f"{measured}: its lower bound must reach {min_kappa:g}")


def _source(name: str, version: str, method: str) -> str:
    """Scores that come of a program often have no version and no method."""
    return " ".join(each for each in (name, version, f"({method})" if method else "") if each)
