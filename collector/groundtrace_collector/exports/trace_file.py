"""Traces as files: JSONL as the API has them, or one row a trace in CSV (or TSV) and Parquet."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from groundtrace_collector.errors import CollectorError, MissingExtraError
from groundtrace_collector.text_table import write_text_table
from groundtrace_collector.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    Trace = Mapping[str, Any]

NESTED: Final = ".jsonl"
ENDINGS: Final = (NESTED, ".csv", ".tsv", ".parquet")
_BATCH_ROWS: Final = 1_000

# A column a listed field, and its type in Parquet.
_COLUMNS: Final = {
    **dict.fromkeys(("trace_id", "started_at"), "string"),
    "duration_ms": "double",
    **dict.fromkeys(("name", "project", "service", "status"), "string"),
    "incomplete": "bool",
    "spans_count": "int64",
    **dict.fromkeys(("session", "user", "query", "answer", "encoder"), "string"),
    "encoders": "texts",
    **dict.fromkeys(("reranker", "llm_model", "prompt_version", "route"), "string"),
    **dict.fromkeys(
        (
            "tokens_prompt",
            "tokens_completion",
            "tokens_cache_read",
            "tokens_cache_write",
            "tokens_reasoning",
        ),
        "int64",
    ),
    "cost_usd": "double",
    "metadata": "map",
    "tags": "texts",
    "dataset_row": "string",
    "errors": "texts",
    "scores": "scores",
}
_OF_SCORE: Final = {
    "name": "string",
    "score": "double",
    **dict.fromkeys(("label", "status", "evaluator", "version", "source", "span_id", "created_at"), "string"),
}


class TraceFileError(CollectorError):
    """A file that traces cannot be written to: which, and why."""


def ending_of(path: Path) -> str:
    """The ending that says the format; raises TraceFileError for another."""
    suffix = path.suffix.lower()
    if suffix not in ENDINGS:
        raise TraceFileError(
            f"{path}: the name must end in {', '.join(ENDINGS)}, got {suffix or 'no ending'!r}"
        )
    return suffix


def write_traces(path: Path, traces: Iterable[Trace]) -> int:
    """Write traces to a file and return how many they are; the ending says the format.

    In CSV lists, maps and scores are JSON, and what a trace has not is empty; in Parquet they are lists, a map
    and a list of structs. The file appears whole or not at all, in place of one of that name. Raises
    TraceFileError for another ending or where nothing can be written, MissingExtraError for Parquet without
    pyarrow.
    """
    write = {NESTED: _write_nested, ".parquet": _write_parquet}.get(ending_of(path), _write_text)
    try:
        with whole_file(path) as part:
            return write(part, traces)
    except OSError as error:
        raise TraceFileError(f"{path}: {error.strerror or error}") from error


def write_lines(file: TextIO, traces: Iterable[Trace]) -> int:
    """Write each trace as a line of JSON; returns how many they are."""
    count = 0
    for trace in traces:
        file.write(json.dumps(trace, ensure_ascii=False) + "\n")
        count += 1
    return count


def _write_nested(path: Path, rows: Iterable[Trace]) -> int:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        return write_lines(file, rows)


def _write_text(path: Path, rows: Iterable[Trace]) -> int:
    return write_text_table(path, tuple(_COLUMNS), rows)


def _write_parquet(path: Path, rows: Iterable[Trace]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(library="pyarrow", extra="parquet") from error
    plain = {
        "string": pa.string(), "double": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(),
        "texts": pa.list_(pa.string()), "map": pa.map_(pa.string(), pa.string()),
    }  # fmt: skip
    one_score = pa.struct([(name, plain[kind]) for name, kind in _OF_SCORE.items()])
    kinds = {**plain, "scores": pa.list_(one_score)}
    schema = pa.schema([(name, kinds[kind]) for name, kind in _COLUMNS.items()])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for batch in _batches(rows):
            values = [{**trace, "metadata": list(trace["metadata"].items())} for trace in batch]
            file.write_batch(pa.RecordBatch.from_pylist(values, schema=schema))
            count += len(batch)
    return count


def _batches(traces: Iterable[Trace]) -> Iterator[list[Trace]]:
    remaining = iter(traces)
    while batch := list(islice(remaining, _BATCH_ROWS)):
        yield batch
