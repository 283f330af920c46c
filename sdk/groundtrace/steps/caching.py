"""The cache step: a query in; a stored answer out, or none."""

from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar, overload

from groundtrace import semconv
from groundtrace.attributes import Attributes, text_attribute
from groundtrace.guard import guarded
from groundtrace.semconv import SpanKind
from groundtrace.steps.recognise import find_query
from groundtrace.steps.step import Step

P = ParamSpec("P")
R = TypeVar("R")


class CacheStep(Step):
    """A lookup in an exact or semantic cache while it runs."""

    kind = SpanKind.CHAIN

    def __init__(
        self, name: str | None = None, *, query: str | None = None, threshold: float | None = None
    ) -> None:
        super().__init__(name, {semconv.CACHE_THRESHOLD: threshold})
        self._query = query

    @guarded("marking a cache hit")
    def hit(self, *, similarity: float | None = None, query: str | None = None) -> None:
        """Record that an answer was found, how near its question is, and that question."""
        if not self._span.is_recording():
            return
        self._found(similarity=similarity, hit=True)
        if query is not None and not self._settings.hide_inputs:
            self._put(text_attribute(semconv.CACHE_QUERY, query, self._settings))

    @guarded("marking a cache miss")
    def miss(self, *, similarity: float | None = None) -> None:
        """Record that none was near enough; ``similarity`` is the nearest one's."""
        if self._span.is_recording():
            self._found(similarity=similarity, hit=False)

    def _found(self, *, similarity: float | None, hit: bool) -> None:
        attributes: Attributes = {semconv.CACHE_HIT: hit}
        if similarity is not None:
            attributes[semconv.CACHE_SIMILARITY] = float(similarity)
        self._put(attributes)

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
        if result is None:
            self.miss()
        else:
            self.hit()
            self.set_output(result)


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

    A decorated lookup that returns None is a miss, anything else a hit. ``threshold`` is the
    least similarity that counts as a hit.
    """
    if callable(name):
        return CacheStep()(name)
    return CacheStep(name, query=query, threshold=threshold)
