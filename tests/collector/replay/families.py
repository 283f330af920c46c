"""Encoders that are good at some families of documents, at addresses for `encoder_at`."""

from __future__ import annotations

import numpy as np

FAMILIES = ("billing", "legal", "tiny")


class Hashed:
    """An encoder that knows the documents of some families, and is lost on those of others."""

    def __init__(self, model_version: str, lost: dict[str, float]) -> None:
        self.model_name = "hashed"
        self.model_version = model_version
        self._lost = lost

    def encode(self, texts: list[str]) -> list[list[float]]:
        """A random direction for each document; a query lies near its own unless it is lost."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        kind, family, number = text.split()
        rng = np.random.default_rng(int(number) + 1_000 * FAMILIES.index(family))
        own = rng.normal(0, 1, 16)
        if kind == "query" and rng.random() < self._lost.get(family, 0.1):
            own = rng.normal(0, 1, 16)
        return [float(value) for value in own]


old = Hashed("1", {"billing": 0.7, "legal": 0.1})
new = Hashed("2", {"billing": 0.1, "legal": 0.7})
