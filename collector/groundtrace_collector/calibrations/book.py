"""The calibrations of a store, as whoever reads or writes scores needs them: at hand."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from groundtrace_collector.query.times import iso_time, nanoseconds
from groundtrace_collector.store.sql import statement
from groundtrace_evaluators.calibration import Calibration
from groundtrace_evaluators.errors import CalibrationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from groundtrace_collector.store.store import Store

logger = logging.getLogger(__name__)

RELOAD_S: Final = 30.0
"""Other collectors may share a ClickHouse server; their calibrations are seen after this time."""
_Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A calibration and what it holds for: ``project``, or with '' every project that has none of its own."""

    calibration: Calibration
    project: str
    labels: str
    """Where its labels came from: `human` or `feedback.NAME`."""
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """The JSON of the API."""
        return {
            "project": self.project or None,
            "labels": self.labels,
            "created_at": iso_time(nanoseconds(self.created_at)),
            "proven": self.calibration.proven(),
            "calibration": asdict(self.calibration),
        }


class Calibrations:
    """The calibrations in force, by project, evaluator, version and method."""

    def __init__(self, kept: Mapping[_Key, Kept]) -> None:
        self._kept = kept

    def of(self, project: str, evaluator: str, version: str, method: str) -> Calibration | None:
        """The project's own calibration of such scores, else that of every project."""
        source = (evaluator, version, method)
        kept = self._kept.get((project, *source)) or self._kept.get(("", *source))
        return kept.calibration if kept else None

    def probability(self, project: str, score: Mapping[str, Any]) -> float | None:
        """What people would say of a score in the API's shape: the chance, in [0, 1], that they say 1."""
        if score["score"] is None or score["source"] == "human":
            return None
        found = self.of(project, score["evaluator"], score["version"], score["method"] or "")
        return None if found is None else found.probability(float(score["score"]))

    def add_to(self, trace: Mapping[str, Any]) -> None:
        """Give each score of a trace in the API's shape its `probability`."""
        for score in trace["scores"]:
            score["probability"] = self.probability(trace["project"], score)

    def listed(self, project: str | None) -> list[Kept]:
        """Those that hold for a project; None for all there are."""
        return [kept for kept in self._kept.values() if project is None or kept.project in {"", project}]


class Book:
    """Reads and keeps calibrations; what it read holds for ``RELOAD_S``, what it keeps at once."""

    def __init__(self, store: Store, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._read = Calibrations({})
        self._read_at: float | None = None

    async def read(self) -> Calibrations:
        """Those in force."""
        now = self._monotonic()
        if self._read_at is None or now - self._read_at > RELOAD_S:
            rows = await self._store.query(statement(__package__, "calibrations"))
            kept = [found for row in rows if (found := _kept(row))]
            self._read = Calibrations({_key(each): each for each in kept})
            self._read_at = now
        return self._read

    async def keep(self, calibration: Calibration, *, project: str, labels: str) -> Kept:
        """Put it in force, in place of an earlier one of the same project, evaluator, version and method."""
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as the store keeps it
        kept = Kept(calibration=calibration, project=project, labels=labels, created_at=now)
        row = {
            "Project": project,
            "Evaluator": calibration.evaluator,
            "EvaluatorVersion": calibration.version,
            "Method": calibration.scored_by,
            "Labels": labels,
            "Calibration": calibration.to_json(),
            "CreatedAt": kept.created_at,
            "Seq": self._store.next_seq(),
        }
        await self._store.insert("calibrations", [row])
        self._read_at = None
        return kept


def _key(kept: Kept) -> _Key:
    of = kept.calibration
    return kept.project, of.evaluator, of.version, of.scored_by


def _kept(row: Mapping[str, Any]) -> Kept | None:
    """The row; None, and a word in the log, where another version of groundtrace wrote what this cannot read."""
    try:
        calibration = Calibration.from_json(row["Calibration"])
    except CalibrationError:
        logger.exception("a calibration is left out, its row cannot be read")
        return None
    return Kept(
        calibration=calibration, project=row["Project"], labels=row["Labels"], created_at=row["CreatedAt"]
    )
