"""RAG evaluators: one metric per module, no model and no network needed.

By name, for whatever a trace holds::

    from groundtrace_evaluators import Case, get, names
    evaluator = get("groundedness")                    # .name .version .method .threshold .direction .needs
    score = evaluator.evaluate_case(Case(query=query, context=passages, answer=answer))
    score.score, score.status, score.as_dict()         # a number only when status is "ok"

By class, or in one call::

    Groundedness().evaluate(input=context, output=answer).score
    evaluate("groundedness", input=context, output=answer).score
"""

from groundtrace_evaluators.agreement import (
    Estimate,
    balanced_accuracy,
    cohen_kappa,
    expected_calibration_error,
    flip_rate,
)
from groundtrace_evaluators.answer_relevance import AnswerRelevance
from groundtrace_evaluators.cache_intent_match import CacheIntentMatch
from groundtrace_evaluators.calibration import Calibration, calibrate
from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.citation_correctness import CitationCorrectness
from groundtrace_evaluators.context_precision import ContextPrecision, average_precision
from groundtrace_evaluators.context_recall import ContextRecall
from groundtrace_evaluators.context_relevance import ContextRelevance
from groundtrace_evaluators.custom import OwnEvaluator, evaluator
from groundtrace_evaluators.embedding_similarity import EmbeddingSimilarity
from groundtrace_evaluators.errors import (
    CalibrationError,
    EvaluatorError,
    EvaluatorLoadError,
    UnknownEvaluatorError,
)
from groundtrace_evaluators.evaluator import Evaluator, Verdict
from groundtrace_evaluators.groundedness import Groundedness
from groundtrace_evaluators.hallucination_score import HallucinationScore
from groundtrace_evaluators.margin import Margin, ScoreMargin, score_margin
from groundtrace_evaluators.ndcg import NdcgAtK, ndcg_at_k
from groundtrace_evaluators.proof import Proof, proof
from groundtrace_evaluators.recall import RecallAtK, recall_at_k
from groundtrace_evaluators.reciprocal_rank import ReciprocalRank, reciprocal_rank
from groundtrace_evaluators.refusal import Refusal
from groundtrace_evaluators.registry import ENTRY_POINT_GROUP, evaluate, get, names
from groundtrace_evaluators.score import Evidence, Score, Status

__all__ = [
    "ENTRY_POINT_GROUP",
    "AnswerRelevance",
    "CacheIntentMatch",
    "Calibration",
    "CalibrationError",
    "Case",
    "CitationCorrectness",
    "ContextPrecision",
    "ContextRecall",
    "ContextRelevance",
    "EmbeddingSimilarity",
    "Estimate",
    "Evaluator",
    "EvaluatorError",
    "EvaluatorLoadError",
    "Evidence",
    "Field",
    "Groundedness",
    "HallucinationScore",
    "Margin",
    "NdcgAtK",
    "OwnEvaluator",
    "Proof",
    "RecallAtK",
    "ReciprocalRank",
    "Refusal",
    "Score",
    "ScoreMargin",
    "Status",
    "UnknownEvaluatorError",
    "Verdict",
    "average_precision",
    "balanced_accuracy",
    "calibrate",
    "cohen_kappa",
    "evaluate",
    "evaluator",
    "expected_calibration_error",
    "flip_rate",
    "get",
    "names",
    "ndcg_at_k",
    "proof",
    "recall_at_k",
    "reciprocal_rank",
    "score_margin",
]
