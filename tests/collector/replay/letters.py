"""Encoders that count letters, at addresses for `encoder_at`."""

from __future__ import annotations

from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

VOWELS = "aeiou"
ALL = "abcdefghijklmnopqrstuvwxyz"


def counts(texts: list[str], letters: str = ALL) -> list[list[float]]:
    """How often each letter is in each text."""
    return [[float(text.lower().count(letter)) for letter in letters] for text in texts]


class Letters(Embeddings):
    """A LangChain encoder of the letters that it knows."""

    def __init__(self, letters: str, *, version: str | None = "1") -> None:
        self.model_name = "letters"
        self.model_version = version
        self._letters = letters

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a document."""
        return counts(texts, self._letters)

    def embed_query(self, text: str) -> list[float]:
        """One vector."""
        return counts([text], self._letters)[0]


class Encodes:
    """An object with `encode`, as sentence-transformers has, that also counts tokens."""

    fingerprint = "f00d"

    def encode(self, texts: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """One row a text."""
        return np.asarray(counts(texts))

    def count_tokens(self, texts: list[str]) -> int:
        """Words."""
        return sum(len(text.split()) for text in texts)


def flat(texts: list[str]) -> list[float]:
    """No encoder: a number a text."""
    return [float(len(text)) for text in texts]


def ragged(texts: list[str]) -> list[list[float]]:
    """No encoder: rows of several sizes."""
    return [[1.0] * (1 + index) for index, _ in enumerate(texts)]


def infinite(texts: list[str]) -> list[list[float]]:
    """No encoder: numbers that are none."""
    return [[float("inf")] for _ in texts]


vowels = Letters(VOWELS, version="1")
letters = Letters(ALL, version="2")
misnamed = Letters(ALL[::-1], version="2")
encodes = Encodes()


def failing(texts: list[str]) -> list[list[float]]:
    """An encoder whose model is gone."""
    raise OSError(f"no model {'file' if texts else ''}")
