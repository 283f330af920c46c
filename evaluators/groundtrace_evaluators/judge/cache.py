"""Verdicts by what they depend on: in memory, and in a folder when there is one."""

import hashlib
import json
import logging
import os
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from groundtrace_evaluators.case import Case
from groundtrace_evaluators.judge.record import JudgedEvidence, JudgedVerdict, JudgeRecord

logger = logging.getLogger(__name__)

MAX_ENTRIES: Final = 10_000
"""Verdicts kept in memory; the one not used for longest goes first."""


class _Entry(BaseModel):
    """One verdict in a file."""

    model_config = ConfigDict(extra="forbid")

    key: str
    score: float
    explanation: str
    evidence: list[dict[str, Any]]
    record: dict[str, Any]
    usd: float | None


def case_key(evaluator: str, version: str, case: Case) -> str:
    """SHA-256 over everything that a verdict depends on; ``version`` stands for prompt, model and settings."""
    parts = [evaluator, version, case.query, list(case.context), case.answer]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


class VerdictCache:
    """Keeps verdicts that have a score, never a failure."""

    def __init__(self, folder: Path | None, *, max_entries: int = MAX_ENTRIES) -> None:
        self._folder = None if folder is None else folder / "verdicts"
        self._max_entries = max_entries
        self._kept: OrderedDict[str, JudgedVerdict] = OrderedDict()

    def get(self, key: str) -> JudgedVerdict | None:
        """The verdict kept under this key. A file that cannot be read counts as absent."""
        found = self._kept.get(key) or self._read(key)
        if found is not None:
            self._keep(key, found)
        return found

    def put(self, key: str, verdict: JudgedVerdict) -> None:
        """Keep a verdict; one without a score is not kept. A full disk is logged, and loses nothing else."""
        if verdict.score is None:
            return
        self._keep(key, verdict)
        if self._folder is not None:
            try:
                _write(self._path(self._folder, key), _entry(key, verdict))
            except OSError as exc:
                logger.warning("the verdict cannot be kept in %s: %s", self._folder, exc)

    def _keep(self, key: str, verdict: JudgedVerdict) -> None:
        self._kept[key] = verdict
        self._kept.move_to_end(key)
        if len(self._kept) > self._max_entries:
            self._kept.popitem(last=False)

    def _read(self, key: str) -> JudgedVerdict | None:
        if self._folder is None:
            return None
        path = self._path(self._folder, key)
        try:
            entry = _Entry.model_validate_json(path.read_bytes())
            return _verdict(entry) if entry.key == key else None
        except FileNotFoundError:
            return None
        except (OSError, ValidationError, TypeError) as exc:
            logger.warning("the kept verdict %s cannot be read and is made anew: %s", path, exc)
            return None

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.json"


def _entry(key: str, verdict: JudgedVerdict) -> bytes:
    from dataclasses import asdict

    entry = _Entry(
        key=key,
        score=verdict.score or 0.0,
        explanation=verdict.explanation or "",
        evidence=[asdict(piece) for piece in verdict.evidence],
        record=asdict(verdict.record),
        usd=verdict.cost_usd,
    )
    return entry.model_dump_json(ensure_ascii=False).encode("utf-8", "surrogatepass")


def _verdict(entry: _Entry) -> JudgedVerdict:
    """Raises TypeError when the file was written by another version of these classes."""
    return JudgedVerdict(
        score=entry.score,
        explanation=entry.explanation,
        evidence=tuple(JudgedEvidence(**_tuples(piece)) for piece in entry.evidence),
        cost_usd=entry.usd,
        record=JudgeRecord(**_tuples(entry.record)),
    )


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _write(path: Path, content: bytes) -> None:
    """All or nothing, and only for this user: verdicts quote the texts that were judged."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
