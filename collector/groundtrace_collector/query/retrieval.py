"""Which of a trace's retrievers and rerankers gave the generator its documents. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Stage(NamedTuple):
    """A retriever or reranker: its kind, when it ran, in nanoseconds, and whether it names what it retrieved."""

    kind: str
    began_ns: int
    ended_ns: int
    finds: bool

    def is_around(self, inner: Stage) -> bool:
        """Whether it began before another and ended after it."""
        return (
            self.began_ns <= inner.began_ns
            and self.ended_ns >= inner.ended_ns
            and (self.began_ns, self.ended_ns) != (inner.began_ns, inner.ended_ns)
        )


def that_count(stages: Sequence[Stage]) -> tuple[int | None, int | None]:
    """The places of the retriever and of the reranker that count, None without one. ``stages`` come earliest first.

    The reranker is the last to begin, the retriever the last to begin or one around it: hybrid search and search
    by several queries merge what other retrievers find, and of those the last gave the generator a part, the one
    around it the whole. So of these the outermost that names documents counts, unless the reranker is a part of
    it, too. The settled trace follows the same rule (store/settle.sql).
    """
    retrievers = [place for place, stage in enumerate(stages) if stage.kind == "RETRIEVER"]
    rerankers = [place for place, stage in enumerate(stages) if stage.kind == "RERANKER"]
    reranker = rerankers[-1] if rerankers else None
    if not retrievers:
        return None, reranker
    last = retrievers[-1]
    around = [
        place
        for place in retrievers
        if stages[place].finds
        and stages[place].is_around(stages[last])
        and not (reranker is not None and stages[place].is_around(stages[reranker]))
    ]
    outermost = max(around, key=lambda place: (stages[place].ended_ns, -stages[place].began_ns), default=last)
    return outermost, reranker
