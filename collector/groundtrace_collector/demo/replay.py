"""The demo's encoders at importable addresses, and its questions and passages as files for `replay`.

`groundtrace_collector.demo.replay:hash_1` and `:lsa_2` are addresses of encoders. Importing this module fits
`lsa@2` to the language reference, which takes about a second. Run as a program
(`python -m groundtrace_collector.demo.replay FOLDER`) it writes `questions.jsonl` and `corpus.jsonl`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from groundtrace_collector.demo.corpus import passages, python_topics
from groundtrace_collector.demo.encoders import HashEncoder, LsaEncoder
from groundtrace_collector.demo.questions import answerable, written_questions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CORPUS: Final = passages(python_topics())
hash_1: Final = HashEncoder()
lsa_2: Final = LsaEncoder([passage.text for passage in _CORPUS])


def write_dataset(folder: Path) -> None:
    """Write the demo's questions as a dataset, with the metadata that its traces have, and its passages."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "questions.jsonl",
        (
            {
                "id": each.id,
                "query": each.text,
                "positive_ids": each.gold,
                "metadata": {
                    "doc_family": each.family,
                    "question_kind": each.kind,
                    "query_length": each.query_length,
                    "topic": each.topic,
                },
                "source": "groundtrace demo",
            }
            for each in answerable(written_questions(), _CORPUS)
        ),
    )
    _write(folder / "corpus.jsonl", ({"id": each.id, "content": each.text} for each in _CORPUS))


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m groundtrace_collector.demo.replay FOLDER")
    try:
        write_dataset(Path(sys.argv[1]))
    except OSError as error:
        sys.exit(f"cannot write to {sys.argv[1]}: {error.strerror or error}; name another folder")
