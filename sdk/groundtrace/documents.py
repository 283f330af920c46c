"""A document as a retriever or reranker hands it on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One retrieved passage; its rank is its position in the list that holds it.

    ``id`` names the passage for good: recall, churn and ``document = '…'`` conditions go by it.
    ``score`` is the retriever's or reranker's own figure, in whatever unit that has.
    """

    id: str | None = None
    content: str | None = None
    score: float | None = None
    metadata: Mapping[str, Any] | None = None
