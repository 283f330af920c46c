"""The name of an embedding space: vectors may be compared only when theirs are equal."""

import hashlib
import json


def embedding_fingerprint(
    *,
    model: str,
    version: str | None = None,
    dimension: int | None = None,
    normalized: bool | None = None,
    prefix: str | None = None,
    quantization: str | None = None,
) -> str:
    """Sixteen hex digits over everything that decides where a text lands.

    >>> embedding_fingerprint(model="minilm", dimension=384)
    '41a06554daf9c6a3'
    """
    parts = [model, version, dimension, normalized, prefix, quantization]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]
