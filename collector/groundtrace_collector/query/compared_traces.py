"""The traces of both sides, read once and kept, and the sums that statements make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from groundtrace_collector.query.metrics import Form, Metric
from groundtrace_collector.query.sums import cluster_sums, pair_sums, trace_sums, within_cluster, within_pair
from groundtrace_collector.query.values import ONE_THREAD, per_trace
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.query.dimensions import Dimension
    from groundtrace_collector.query.filters import Selection
    from groundtrace_collector.query.sides import Sides
    from groundtrace_collector.store.driver import Driver

Key: TypeAlias = tuple[bool, str]
"""Whether it is the whole, and the cohort's key."""

MAX_COHORTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of a cohort was seen on both sides."""

    traces: tuple[int, int] = (0, 0)
    paired: tuple[int, int] = (0, 0)
    pairs: int = 0

    @property
    def is_paired(self) -> bool:
        """Whether the sides mostly answered the same questions."""
        smaller = 0 if self.traces[0] <= self.traces[1] else 1
        return self.pairs > 0 and 2 * self.paired[smaller] >= self.traces[smaller]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The whole and the cohorts in the order they are shown, and what the statements that follow may assume."""

    cohorts: dict[Key, Size]
    sessions: bool
    """Whether any trace belongs to a session."""
    mixed: bool
    """Whether the traces of one question lie in several cohorts."""


class ComparedTraces:
    """Runs the statements of one comparison on one handle: the first reads the traces, the others what it kept."""

    def __init__(
        self,
        driver: Driver,
        selection: Selection,
        metrics: Sequence[Metric],
        sides: Sides,
        cohort: Dimension | None,
    ) -> None:
        self._driver = driver
        self._metrics = metrics
        self._columns = {
            "Side": f"CAST({sides.candidate}, 'UInt8')",
            "Cohort": cohort.sql if cohort else "''",
            # Grouping by numbers costs half of grouping by text; 0 is the whole.
            "CohortHash": "CAST(greatest(1, sipHash64(Cohort)), 'UInt64')" if cohort else "toUInt64(0)",
            "HasSession": "Session != ''",
            "Cluster": "if(Session = '', toUInt64(TraceKey), sipHash64(Session))",
            "Pair": "if(DatasetRow = '', QueryHash, sipHash64('dataset row', DatasetRow))",
        }
        if any(metric.form is Form.PAIR for metric in metrics):
            self._columns["Newest"] = "(StartedAt, TraceKey)"
        self._ids = "[0, CohortHash]" if cohort else "[toUInt64(0)]"
        rows = per_trace(metrics, selection, self._columns)
        sql = statement(__package__, "compare_rows").replace("PER_TRACE", rows.sql)
        used = ", ".join(f"{name} = {value}" for name, value in ONE_THREAD.items())
        driver.command(f"{sql}SETTINGS {used}", {**rows.parameters, **(cohort.parameters if cohort else {})})

    def close(self) -> None:
        """Drop what was kept."""
        self._driver.command("DROP TEMPORARY TABLE IF EXISTS compared")

    def sizes(self) -> Sizes:
        """What there is on both sides."""
        rows = self._run("compare_sizes", [], self._groups(mixed=False), {"cohorts": MAX_COHORTS + 1})
        mixed = any(row["Mixed"] for row in rows)
        if mixed:
            rows = self._run("compare_sizes", [], self._groups(mixed=True), {"cohorts": MAX_COHORTS + 1})
        cohorts = {
            _key(row): Size(
                traces=(int(row["BaseTraces"]), int(row["CandidateTraces"])),
                paired=(int(row["BasePaired"]), int(row["CandidatePaired"])),
                pairs=int(row["Pairs"]),
            )
            for row in rows
        }
        sessions = any(row["Sessions"] for row in rows)
        return Sizes(cohorts=cohorts or {(True, ""): Size()}, sessions=sessions, mixed=mixed)

    def pairs(self, metrics: Sequence[Metric], sizes: Sizes) -> dict[Key, Any]:
        """Sums over the pairs of each cohort."""
        parts = {
            **self._groups(mixed=sizes.mixed),
            "WITHIN": within_pair(metrics),
            "SUMS": pair_sums(metrics),
        }
        rows = self._run("compare_paired", metrics, parts, {"keys": _names(sizes)})
        return {_key(row): row for row in rows}

    def sides(self, metrics: Sequence[Metric], sizes: Sizes) -> dict[tuple[Key, int], Any]:
        """Sums over the traces of each cohort and side."""
        parts = {"COHORT_IDS": self._ids, "SUMS": trace_sums(metrics)}
        rows = self._run("compare_sides", metrics, parts, {"keys": _names(sizes)})
        return {(_key(row), int(row["Side"])): row for row in rows}

    def clusters(self, metrics: Sequence[Metric], sizes: Sizes) -> dict[tuple[Key, int], Any]:
        """The same sums over the sessions of each cohort and side."""
        parts = {"COHORT_IDS": self._ids, "WITHIN": within_cluster(metrics), "SUMS": cluster_sums(metrics)}
        rows = self._run("compare_clusters", metrics, parts, {"keys": _names(sizes)})
        return {(_key(row), int(row["Side"])): row for row in rows}

    def _groups(self, *, mixed: bool) -> dict[str, str]:
        """How pairs are grouped: once, and counted for the whole and their cohort; or for each by itself."""
        if mixed:
            return {"GROUP_IDS": "[Id]", "GROUP_ID": f"arrayJoin({self._ids})"}
        ids = self._ids.replace("CohortHash", "max(CohortHash)")
        return {"GROUP_IDS": ids, "GROUP_ID": "if(Pair = 0, CohortHash, 0)"}

    def _run(
        self, name: str, metrics: Sequence[Metric], parts: Mapping[str, str], values: Mapping[str, object]
    ) -> list[dict[str, Any]]:
        sql = statement(__package__, name)
        for mark, text in {**parts, "ROWS": self._rows(metrics)}.items():
            sql = sql.replace(mark, text)
        return self._driver.query(sql, values, ONE_THREAD)

    def _rows(self, metrics: Sequence[Metric]) -> str:
        """What was kept, with the columns of ``metrics`` numbered as they stand there."""
        columns = list(self._columns)
        for index, metric in enumerate(metrics):
            kept = self._metrics.index(metric)
            columns.append(f"compared.v{kept} AS v{index}")
            if metric.form is Form.RATIO:
                columns.append(f"compared.w{kept} AS w{index}")
        return f"(SELECT {', '.join(columns)} FROM compared)"  # noqa: S608


def _key(row: Mapping[str, Any]) -> Key:
    return row["CohortId"] == 0, str(row["Key"])


def _names(sizes: Sizes) -> list[str]:
    return [key for whole, key in sizes.cohorts if not whole]
