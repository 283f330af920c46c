"""
Errors of the evaluators.

GroundtraceError
└── EvaluatorError
    ├── UnknownEvaluatorError    no evaluator has this name
    ├── EvaluatorLoadError       its package cannot be imported, or offers something else
    └── CalibrationError         labels are too few or mixed, or a calibration does not fit
"""

from groundtrace.errors import GroundtraceError


class EvaluatorError(GroundtraceError):
    """An evaluator cannot be had."""


class UnknownEvaluatorError(EvaluatorError):
    """No evaluator has this name."""


class EvaluatorLoadError(EvaluatorError):
    """An installed package offers an evaluator that cannot be used."""


class CalibrationError(EvaluatorError):
    """Labels do not make a calibration, or a calibration does not fit a score."""
