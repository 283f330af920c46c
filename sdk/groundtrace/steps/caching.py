"""The cache step: a query in; a stored answer out, or none."""

from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar, overload

from groundtrace import semconv
from groundtrace.attributes import Attributes, text_attribute
from groundtrace.guard import guarded
from groundtrace.semconv import SpanKind
from groundtrace.steps.recognise import find_answer, find_query
from groundtrace.steps.searching import SearchingStep

P = ParamSpec("P")
R = TypeVar("R")


class CacheStep(SearchingStep):
    """A lookup in an exact or semantic cache while it runs.

    A vector store that is searched inside it is the cache's, not the answer's: its traced client makes
    no span, and tells how near the nearest stored question is, and that question, where the app does not.
    """

    kind = SpanKind.CHAIN

    def __init__(
        self, name: str | None = None, *, query: str | None = None, threshold: float | None = None
    ) -> None:
        super().__init__(name, {semconv.CACHE_THRESHOLD: threshold})
        self._query = query
        self._hit: bool | None = None
        self._similarity: float | None = None
        self._cached_query: str | None = None

    @guarded("marking a cache hit")
    def hit(self, *, similarity: float | None = None, query: str | None = None) -> None:
        """Record that an answer was found, how near its question is, and that question."""
        self._hit, self._similarity, self._cached_query = True, _figure(similarity), query

    @guarded("marking a cache miss")
    def miss(self, *, similarity: float | None = None) -> None:
        """Record that none was near enough; ``similarity`` is the nearest one's."""
        self._hit, self._similarity, self._cached_query = False, _figure(similarity), None

    def _begin(self) -> None:
        super()._begin()
        self._hit = self._similarity = self._cached_query = None

    def _last_attributes(self) -> Attributes:
        if self._hit is None:
            return {}
        attributes: Attributes = {semconv.CACHE_HIT: self._hit}
        similarity, query = self._similarity, self._cached_query
        nearest = self._below.documents[0] if self._below is not None and self._below.documents else None
        if nearest is not None and self._below is not None:
            if similarity is None and self._below.sense == semconv.SCORE_SENSE_SIMILARITY:
                similarity = nearest.score
            if self._hit and query is None:
                query = nearest.content
        if similarity is not None:
            attributes[semconv.CACHE_SIMILARITY] = similarity
        if query is not None and not self._settings.hide_inputs:
            attributes.update(text_attribute(semconv.CACHE_QUERY, query, self._settings))
        return attributes

    def _given_attributes(self) -> Attributes:
        if self._query is not None:
            self.set_input(self._query)
        return {}

    def _read_arguments(self, arguments: Mapping[str, object]) -> None:
        query = find_query(arguments)
        if query is None:
            super()._read_arguments(arguments)
        else:
            self.set_input(query)

    def _read_result(self, result: object) -> None:
        found = find_answer(result)
        if found is None:
            self.miss()
        else:
            self.hit(similarity=found.similarity, query=found.query)
            self.set_output(found.answer)


def _figure(similarity: float | None) -> float | None:
    return None if similarity is None else float(similarity)


@overload
def cache(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def cache(
    name: str | None = None, *, query: str | None = None, threshold: float | None = None
) -> CacheStep: ...
def cache(
    name: Callable[P, R] | str | None = None,
    *,
    query: str | None = None,
    threshold: float | None = None,
) -> Callable[P, R] | CacheStep:
    """Trace a cache lookup: ``with groundtrace.cache(query=q, threshold=0.9) as step: step.hit(…)``.

    A decorated lookup that returns None or an empty list is a miss, anything else a hit: the answer, an
    (answer, similarity) pair, or a mapping or object that also has a ``similarity`` and the stored
    ``query``. ``threshold`` is the least similarity that counts as a hit.
    """
    if callable(name):
        return CacheStep()(name)
    return CacheStep(name, query=query, threshold=threshold)
