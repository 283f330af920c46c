"""The number that a trace is keyed by in `traces`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def trace_keys(trace_ids: Iterable[str]) -> list[int]:
    """The `TraceKey` of each trace id, each once and in order: what a statement that names ids looks them up by.

    The engine finds the rows of constants by their key, not those of an expression over constants.

    >>> trace_keys(["0af7651916cd43dd8448eb211c80319c"])
    [35994365917906446664955033164271376154]
    """
    return sorted({_trace_key(trace_id) for trace_id in trace_ids})


def _trace_key(trace_id: str) -> int:
    # As migrations/0001 computes it: reinterpretAsUInt128(MD5(TraceId)).
    return int.from_bytes(hashlib.md5(trace_id.encode(), usedforsecurity=False).digest(), "little")
