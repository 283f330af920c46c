"""The keyword signatures that evaluators share, one class for each pair of texts compared."""

from abc import ABC
from collections.abc import Collection, Sequence

from groundtrace_evaluators.case import Case, passages_of, strings
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


class QueryToAnswer(Evaluator, ABC):
    """``input`` is the query, ``output`` the answer; the context helps where there is one."""

    def evaluate(self, *, input: str, output: str, context: str | Sequence[str] = ()) -> Score:  # noqa: A002 - the field's word
        """Score the answer against the query. ``context``: what the answer was made from.

        Raises TypeError for anything but strings.
        """
        return self.evaluate_case(Case.of_context(context, query=input, answer=output))

    async def aevaluate(self, *, input: str, output: str, context: str | Sequence[str] = ()) -> Score:  # noqa: A002 - the field's word
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(Case.of_context(context, query=input, answer=output))


class ExpectedToContext(Evaluator, ABC):
    """``expected`` is the answer that was hoped for, ``context`` what was retrieved, best first."""

    def evaluate(self, *, expected: str, context: str | Sequence[str], query: str | None = None) -> Score:
        """Score the context (one text or a list of passages) against the expected answer.

        ``query`` is the question asked: what it says already need not be found.
        Raises TypeError for anything but strings.
        """
        return self.evaluate_case(Case(expected=expected, context=passages_of(context), query=query))

    async def aevaluate(
        self, *, expected: str, context: str | Sequence[str], query: str | None = None
    ) -> Score:
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(Case(expected=expected, context=passages_of(context), query=query))


class RetrievedToRelevant(Evaluator, ABC):
    """``retrieved`` are ids, best first, ``relevant`` the ids that should be among them."""

    def evaluate(self, *, retrieved: Sequence[str], relevant: Sequence[str]) -> Score:
        """Score one retrieval. Raises TypeError for anything but lists of strings."""
        return self.evaluate_case(_of_ids(retrieved, relevant))

    async def aevaluate(self, *, retrieved: Sequence[str], relevant: Sequence[str]) -> Score:
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(_of_ids(retrieved, relevant))


def best(retrieved: Sequence[str], k: int | None = None) -> list[str]:
    """The first ``k`` ids (all without ``k``), each once, at its first place; ValueError for ``k`` below 1.

    >>> best(["d2", "d1", "d2", "d3"], 2)
    ['d2', 'd1']
    """
    if k is not None and k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return list(dict.fromkeys(retrieved))[:k]


def relevant_set(relevant: Collection[str]) -> frozenset[str]:
    """The relevant ids as a set; ValueError when there is none, TypeError for a lone string."""
    if isinstance(relevant, str):
        raise TypeError("relevant must be a collection of ids, got str")
    if not relevant:
        raise ValueError("relevant must hold at least one id, got none: the measure is undefined")
    return frozenset(relevant)


def _of_ids(retrieved: Sequence[str], relevant: Sequence[str]) -> Case:
    return Case(retrieved_ids=strings(retrieved, "retrieved"), relevant_ids=strings(relevant, "relevant"))
