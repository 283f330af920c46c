"""Why the judge gave no verdict."""

from groundtrace_evaluators.errors import EvaluatorError
from groundtrace_evaluators.score import Status


class JudgeFailedError(EvaluatorError):
    """No verdict could be had; becomes a score without a number, with this status and explanation."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
