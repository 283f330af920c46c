"""A language model as judge, behind any OpenAI-compatible endpoint; ``docs/judge.md`` tells how to use it."""

from groundtrace_evaluators.judge.budget import Amount
from groundtrace_evaluators.judge.config import JudgeConfig, JudgeOptions, Price
from groundtrace_evaluators.judge.judged_context_relevance import JudgedContextRelevance
from groundtrace_evaluators.judge.judged_groundedness import JudgedGroundedness
from groundtrace_evaluators.judge.record import JudgedEvidence, JudgedScore, JudgeRecord

__all__ = [
    "Amount",
    "JudgeConfig",
    "JudgeOptions",
    "JudgeRecord",
    "JudgedContextRelevance",
    "JudgedEvidence",
    "JudgedGroundedness",
    "JudgedScore",
    "Price",
]
