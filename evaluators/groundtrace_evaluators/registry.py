"""Evaluators by name: built in, made in this process, or offered by installed packages."""

import os
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from groundtrace_evaluators.errors import EvaluatorLoadError, UnknownEvaluatorError
from groundtrace_evaluators.evaluator import Evaluator
from groundtrace_evaluators.score import Score

ENTRY_POINT_GROUP = "groundtrace_evaluators"

_BUILT_IN = {
    "answer_relevance": "answer_relevance:AnswerRelevance",
    "cache_intent_match": "cache_intent_match:CacheIntentMatch",
    "citation_correctness": "citation_correctness:CitationCorrectness",
    "context_precision": "context_precision:ContextPrecision",
    "context_recall": "context_recall:ContextRecall",
    "context_relevance": "context_relevance:ContextRelevance",
    "embedding_similarity": "embedding_similarity:EmbeddingSimilarity",
    "groundedness": "groundedness:Groundedness",
    "hallucination_score": "hallucination_score:HallucinationScore",
    "margin": "margin:Margin",
    "mrr": "reciprocal_rank:ReciprocalRank",
    "ndcg_at_k": "ndcg:NdcgAtK",
    "recall_at_k": "recall:RecallAtK",
    "refusal": "refusal:Refusal",
}

_JUDGED = {
    "judged_context_relevance": "judge.judged_context_relevance:JudgedContextRelevance",
    "judged_groundedness": "judge.judged_groundedness:JudgedGroundedness",
}
_JUDGE_SETTINGS = ("GROUNDTRACE_JUDGE_BASE_URL", "GROUNDTRACE_JUDGE_MODEL")
"""Without these variables there is no judge to be had by name."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_made: dict[str, Evaluator | type[Evaluator]] = {}
"""Those that the decorator made in this process; a later one of the same name takes the place of the earlier."""


def names() -> tuple[str, ...]:
    """The names that ``get`` knows, sorted; nothing is imported to list them."""
    return tuple(sorted({*_entry_points(), *_made}))


def check_name(name: str) -> None:
    """Raises ValueError when an own evaluator cannot have this name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"an evaluator's name must be snake_case, at most 64 characters, got {name!r}")
    if name in _BUILT_IN or name in _JUDGED:
        raise ValueError(f"{name!r} is a built-in evaluator; choose another name")


def register(made: Evaluator | type[Evaluator]) -> None:
    """Let ``get`` find an evaluator, or a class of them, that was made in this process."""
    check_name(made.name)
    _made[made.name] = made


def get(name: str) -> Evaluator:
    """A ready evaluator of this name.

    Built-in names cannot be taken by another package. Raises UnknownEvaluatorError with the names there
    are, and EvaluatorLoadError when a package's entry point cannot be imported, is no evaluator, or is a
    class that needs arguments.

    >>> get("groundedness").direction
    'higher'
    """
    if name in _made:
        return _ready(name, _made[name], "this process")
    point = _entry_points().get(name)
    if point is None:
        raise UnknownEvaluatorError(f"no evaluator is named {name!r}; there are: {', '.join(names())}")
    try:
        loaded = point.load()
    except Exception as exc:
        raise EvaluatorLoadError(f"evaluator {name!r} cannot be loaded from {point.value}: {exc}") from exc
    return _ready(name, loaded, point.value)


def _ready(name: str, made: object, where: str) -> Evaluator:
    if isinstance(made, Evaluator):
        return made
    if not (isinstance(made, type) and issubclass(made, Evaluator)):
        raise EvaluatorLoadError(
            f"evaluator {name!r} at {where} must be an Evaluator, made by the decorator or a class, got {made!r}"
        )
    try:
        return made()
    except Exception as exc:
        raise EvaluatorLoadError(f"evaluator {name!r} from {where} cannot be made: {exc}") from exc


def evaluate(name: str, **inputs: object) -> Score:
    """Score one case with the evaluator of this name; ``inputs`` are the keywords of its ``evaluate``.

    Raises what ``get`` raises, and TypeError for keywords that the evaluator does not take.

    >>> evaluate("groundedness", input="Bern lies on the Aare.", output="Bern lies on the Aare.").score
    1.0
    """
    evaluator = get(name)
    call = getattr(evaluator, "evaluate", None)
    if call is None:
        raise TypeError(f"evaluator {name!r} has no evaluate(); use get({name!r}).evaluate_case(case)")
    score: Score = call(**inputs)
    return score


@cache
def _entry_points() -> dict[str, EntryPoint]:
    own = {
        name: EntryPoint(name, f"groundtrace_evaluators.{target}", ENTRY_POINT_GROUP)
        for name, target in (
            _BUILT_IN | (_JUDGED if all(map(os.environ.get, _JUDGE_SETTINGS)) else {})
        ).items()
    }
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)} | own
