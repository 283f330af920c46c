"""The keyword signatures that evaluators share, one class for each pair of texts compared."""

from abc import ABC
from collections.abc import Sequence

from groundtrace_evaluators.case import Case
from groundtrace_evaluators.evaluator import Evaluator
from groundtrace_evaluators.score import Score


class ContextToAnswer(Evaluator, ABC):
    """``input`` is the context that the answer was given, ``output`` the answer."""

    def evaluate(self, *, input: str | Sequence[str], output: str, query: str | None = None) -> Score:  # noqa: A002 - the field's word
        """Score the answer against the context (one text or a list of passages).

        ``query`` is the question asked; what it says is not held against an answer that repeats it.
        Raises TypeError for anything but strings.
        """
        return self.evaluate_case(Case.of_context(input, query=query, answer=output))

    async def aevaluate(self, *, input: str | Sequence[str], output: str, query: str | None = None) -> Score:  # noqa: A002 - the field's word
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(Case.of_context(input, query=query, answer=output))


class QueryToContext(Evaluator, ABC):
    """``input`` is the query, ``output`` the context that was retrieved for it."""

    def evaluate(self, *, input: str, output: str | Sequence[str]) -> Score:  # noqa: A002 - the field's word
        """Score the context (one text or a list of passages, best first) against the query.

        Raises TypeError for anything but strings.
        """
        return self.evaluate_case(Case.of_context(output, query=input, answer=None))

    async def aevaluate(self, *, input: str, output: str | Sequence[str]) -> Score:  # noqa: A002 - the field's word
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(Case.of_context(output, query=input, answer=None))


class ResponseToExpected(Evaluator, ABC):
    """``response`` is the text judged, ``expected_response`` the text it should resemble."""

    def evaluate(self, *, response: str, expected_response: str) -> Score:
        """Score how alike the two texts are. Raises TypeError for anything but strings."""
        return self.evaluate_case(Case.of_context(expected_response, query=response, answer=None))

    async def aevaluate(self, *, response: str, expected_response: str) -> Score:
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(Case.of_context(expected_response, query=response, answer=None))
