"""LLM caches, exact and semantic: each lookup a span. A model whose answer was stored was not called."""

import json
from typing import Any, Final

from groundtrace import semconv
from groundtrace.attributes import Attributes, input_attributes, output_attributes, text_attribute
from groundtrace.semconv import SpanKind
from groundtrace_integrations.langchain.runs import Run, current_run
from groundtrace_integrations.langchain.steps import argument, step
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.patches import Wrap
from groundtrace_integrations.scores import number

_THRESHOLDS: Final = ("similarity_threshold", "score_threshold")
# Their score_threshold is a distance, which no similarity is to be held against.
_DISTANCE_CACHES: Final = frozenset({"RedisSemanticCache"})
_PAID: Final = ("llm.token_count.", "llm.cost.", "gen_ai.usage.")


class Lookup:
    """A cache's lookup, kept on its run until it answers: what the store below it found nearest."""

    __slots__ = ("cache", "score", "text")

    def __init__(self, cache: object) -> None:
        self.cache = cache
        self.text: str | None = None
        self.score: float | None = None

    def note(self, found: object) -> None:
        """Take a search's result: documents, or (document, score) pairs, the nearest first."""
        first = found[0] if isinstance(found, list | tuple) and found else None
        if isinstance(first, tuple) and len(first) >= 2:
            first, self.score = first[0], number(first[1])
        text = getattr(first, "page_content", None)  # Document may not be imported yet
        self.text = text if isinstance(text, str) else None


def lookup_of(run: Run | None) -> Lookup | None:
    """Return the cache's lookup that a run is."""
    instance = None if run is None else run.instance
    return instance if isinstance(instance, Lookup) else None


def cache_wraps(tracer: RunTracer) -> dict[str, Wrap]:
    """Wraps for the methods of a BaseCache class."""
    wrap = step(tracer, lambda *call: _begin(tracer, *call), lambda run, kept: _describe(tracer, run, kept))
    return {"lookup": wrap, "alookup": wrap}


def without_usage(attributes: Attributes) -> Attributes:
    """Leave out what a call of the model would have cost."""
    return {key: value for key, value in attributes.items() if not key.startswith(_PAID)}


def _begin(tracer: RunTracer, cache: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
    around = current_run()
    looking = lookup_of(around)
    if looking is not None and looking.cache is cache:
        return None  # a super() call, or the async form on its way through the sync one
    run = tracer.begin_step(SpanKind.CHAIN, cache, around)
    if run is None:
        return None
    run.instance = Lookup(cache)
    run.covering = True
    prompt = argument(args, kwargs, 0, "prompt")
    if run.recording and isinstance(prompt, str) and not _within_model(run):
        run.add(input_attributes(_question(prompt), tracer.settings))
    return run


def _within_model(run: Run) -> bool:
    """Whether the model's own span is around it, which shows the messages."""
    return run.parent is not None and run.parent.kind is SpanKind.LLM


def _describe(tracer: RunTracer, run: Run, kept: Any) -> Attributes:
    lookup = lookup_of(run)
    if lookup is None:
        return {}
    hit = kept is not None
    attributes: Attributes = {semconv.CACHE_HIT: hit}
    if run.parent is not None and _within_model(run):
        run.parent.attributes[semconv.CACHE_HIT] = hit
    elif hit:
        attributes.update(
            output_attributes(getattr(kept[0], "text", None) if kept else None, tracer.settings)
        )
    text, score, sense = _nearest(run, lookup)
    if sense != semconv.SCORE_SENSE_DISTANCE:
        threshold = _threshold(lookup.cache)
        if threshold is not None:
            attributes[semconv.CACHE_THRESHOLD] = threshold
        if score is not None:
            attributes[semconv.CACHE_SIMILARITY] = score
    if hit and text is not None and not tracer.settings.hide_inputs:
        attributes.update(text_attribute(semconv.CACHE_QUERY, _question(text), tracer.settings))
    return attributes


def _nearest(run: Run, lookup: Lookup) -> tuple[str | None, float | None, str | None]:
    """Return the nearest stored prompt, its score and the score's sense."""
    sense = None if run.scores is None else run.scores.sense
    below = None if run.scores is None else run.scores.below
    if below is not None and below.documents and lookup.score is None:
        nearest = below.documents[0]
        return lookup.text or nearest.content, nearest.score, below.sense
    return lookup.text, lookup.score, sense


def _threshold(cache: object) -> float | None:
    if type(cache).__name__ in _DISTANCE_CACHES:
        return None
    for name in _THRESHOLDS:
        threshold = number(getattr(cache, name, None))
        if threshold is not None:
            return threshold
    return None


def _question(prompt: str) -> str:
    """Return what the user said last, out of LangChain's JSON of a chat model's messages."""
    if not prompt.startswith("["):
        return prompt
    try:
        messages = json.loads(prompt)
        said = [message["kwargs"]["content"] for message in messages if message["id"][-1].startswith("Human")]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return prompt
    return said[-1] if said and isinstance(said[-1], str) else prompt
