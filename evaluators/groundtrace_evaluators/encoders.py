"""Vectors of texts, from any encoder, and the rule that two spaces never mix.

EvaluatorError
├── EmbeddingSpaceError    two vectors do not lie in one space
└── EncoderFailedError     an encoder gave no vector; becomes a score without a number
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_evaluators.errors import EvaluatorError
from groundtrace_evaluators.evaluator import Verdict
from groundtrace_evaluators.score import Status


class EmbeddingSpaceError(EvaluatorError):
    """Two vectors do not lie in one space, so that a number from both would mean nothing."""


class EncoderFailedError(EvaluatorError):
    """An encoder or cross-encoder gave nothing for a text."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


class Role(StrEnum):
    """What a text is to an encoder; many put another prefix before queries than before documents."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Embedding:
    """A vector and the fingerprint of the space that it lies in."""

    values: tuple[float, ...]
    fingerprint: str


class Encoder(Protocol):
    """Turns texts into vectors of one space."""

    @property
    def fingerprint(self) -> str:
        """The name of the space (``groundtrace.fingerprint``)."""

    @property
    def is_free(self) -> bool:
        """Whether encoding costs no money; else what it costs is not known."""

    def encode(self, texts: Sequence[str], *, role: Role) -> list[Embedding]:
        """One vector a text, in order. Raises EncoderFailedError; never shortens a text."""

    def parts(self, text: str, *, role: Role) -> list[str]:
        """The text itself, or the overlapping parts of it that fit into the encoder's window."""


class CrossEncoder(Protocol):
    """Reads a query and a passage together."""

    @property
    def fingerprint(self) -> str:
        """The name of the model; scores of two models are not on one scale."""

    @property
    def is_free(self) -> bool:
        """Whether scoring costs no money; else what it costs is not known."""

    def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        """How well each passage fits the query, in [0, 1]. Raises EncoderFailedError."""


class FunctionEncoder:
    """An encoder of your own: any function from texts to vectors.

    ``embed`` gets the texts with their prefix and returns as many vectors of ``dimension`` numbers. The
    other arguments name its space; change them when it changes.
    """

    is_free = False

    def __init__(
        self,
        embed: Callable[[Sequence[str]], Sequence[Sequence[float]]],
        *,
        model: str,
        dimension: int,
        version: str | None = None,
        query_prefix: str = "",
        document_prefix: str = "",
    ) -> None:
        self._embed = embed
        self._dimension = dimension
        self._prefixes = {Role.QUERY: query_prefix, Role.DOCUMENT: document_prefix}
        self.fingerprint = embedding_fingerprint(
            model=model,
            version=version,
            dimension=dimension,
            prefix=joined_prefixes(query_prefix, document_prefix),
        )

    def encode(self, texts: Sequence[str], *, role: Role) -> list[Embedding]:
        """One vector a text. Raises EmbeddingSpaceError when the function gives another number or size."""
        vectors = self._embed([self._prefixes[role] + text for text in texts])
        return embeddings(vectors, self.fingerprint, count=len(texts), dimension=self._dimension)

    def parts(self, text: str, *, role: Role) -> list[str]:  # noqa: ARG002 - how much fits is the function's affair
        """The text as it is."""
        return [text]


def embeddings(
    vectors: Sequence[Sequence[float]], fingerprint: str, *, count: int, dimension: int | None
) -> list[Embedding]:
    """Checked vectors. Raises EmbeddingSpaceError that says what was found instead."""
    if len(vectors) != count:
        raise EmbeddingSpaceError(f"the encoder gave {len(vectors)} vectors for {count} texts")
    found = []
    for vector in vectors:
        values = tuple(float(value) for value in vector)
        if dimension is not None and len(values) != dimension:
            raise EmbeddingSpaceError(
                f"a vector has {len(values)} dimensions, the encoder's have {dimension}"
            )
        if not all(map(math.isfinite, values)):
            raise EmbeddingSpaceError("a vector holds numbers that are not finite")
        found.append(Embedding(values, fingerprint))
    return found


def joined_prefixes(query: str, document: str) -> str | None:
    """Both prefixes as one part of a fingerprint; None when there are none."""
    return "\n".join((query, document)) if query or document else None


def cosine(left: Embedding, right: Embedding) -> float:
    """Cosine of two vectors, in [-1, 1]; 0.0 if either is all zeros.

    Raises EmbeddingSpaceError when they come from different encoders, or differ in size.

    >>> cosine(Embedding((1.0, 0.0), "a"), Embedding((1.0, 1.0), "a"))  # doctest: +ELLIPSIS
    0.7071...
    >>> cosine(Embedding((1.0,), "a"), Embedding((1.0,), "b"))
    Traceback (most recent call last):
    groundtrace_evaluators.encoders.EmbeddingSpaceError: vectors of different encoders cannot be compared: fingerprints a and b
    """  # noqa: E501 - the message is one line
    if left.fingerprint != right.fingerprint:
        raise EmbeddingSpaceError(
            "vectors of different encoders cannot be compared: "
            f"fingerprints {left.fingerprint} and {right.fingerprint}"
        )
    if len(left.values) != len(right.values):
        raise EmbeddingSpaceError(
            f"vectors of {len(left.values)} and {len(right.values)} dimensions cannot be compared"
        )
    product = _dot(left.values, right.values)
    norms = math.sqrt(_dot(left.values, left.values) * _dot(right.values, right.values))
    return max(-1.0, min(1.0, product / norms)) if norms else 0.0


def best_similarities(encoder: Encoder, query: str, passages: Sequence[str]) -> list[float]:
    """For each passage the cosine of its part that is closest to the query, negative ones as 0.

    Raises EncoderFailedError: truncated when the query does not fit into the encoder's window.
    """
    if len(encoder.parts(query, role=Role.QUERY)) > 1:
        raise EncoderFailedError(Status.TRUNCATED, "the text to compare is longer than the encoder's window")
    parted = [encoder.parts(passage, role=Role.DOCUMENT) for passage in passages]
    (asked,) = encoder.encode([query], role=Role.QUERY)
    vectors = iter(encoder.encode([part for parts in parted for part in parts], role=Role.DOCUMENT))
    return [max(0.0, *(cosine(asked, next(vectors)) for _ in parts)) for parts in parted]


def failed(failure: EncoderFailedError, *, free: bool) -> Verdict:
    """The verdict of an evaluation whose encoder failed."""
    return Verdict(status=failure.status, explanation=str(failure), cost_usd=0.0 if free else None)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return math.fsum(map(operator.mul, left, right))
