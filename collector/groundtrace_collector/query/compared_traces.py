"""The traces of both sides, read once and kept, and the sums that statements make of them."""

from __future__ import annotations

from dataclasses import dataclass, field
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
PAIRABLE = (Form.RATE, Form.MEAN, Form.PAIR)
"""What is compared by pairs where the sides share their questions."""
_WHOLE: Key = (True, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of a cohort was seen on both sides."""

    traces: tuple[int, int] = (0, 0)
    paired: tuple[int, int] = (0, 0)
    pairs: int = 0
    sums: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """`sums.pair_sums` over the pairs, by the metric's name."""

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
    more: bool = False
    """Whether there are more cohorts than these."""


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
            "HasSession": "SessionHash != 0",
            "Cluster": "if(SessionHash = 0, toUInt64(TraceKey), SessionHash)",
            "Pair": "if(DatasetRow = '', QueryHash, sipHash64('dataset row', DatasetRow))",
        }
        if any(metric.form is Form.PAIR for metric in metrics):
            self._columns["Newest"] = "(StartedAt, TraceKey)"
        self._ids = "[0, CohortHash]" if cohort else "[toUInt64(0)]"
        self._whole = "WITH ROLLUP" if cohort else ""
        # All that pairs may be wanted of: whether the sides share their questions is known with the sums.
        self._pairable = [metric for metric in metrics if metric.form in PAIRABLE]
        self._read = per_trace(metrics, selection, self._columns)
        self._cohort = cohort
        self._more = False
        self._keys: dict[int, Key] = {0: _WHOLE}

    def keep(self) -> None:
        """Read the traces; whatever comes of it, `close` drops them."""
        sql = statement(__package__, "compare_rows").replace("PER_TRACE", self._read.sql)
        used = ", ".join(f"{name} = {value}" for name, value in ONE_THREAD.items())
        bound = self._cohort.parameters if self._cohort else {}
        self._driver.command(f"{sql}SETTINGS {used}", {**self._read.parameters, **bound})
        if self._cohort:
            self._keys |= self._cohorts()

    def _cohorts(self) -> dict[int, Key]:
        """The cohorts that are shown, the largest first, by their hash."""
        sql = statement(__package__, "compare_cohorts")
        rows = self._driver.query(sql, {"cohorts": MAX_COHORTS + 1}, ONE_THREAD)
        self._more = len(rows) > MAX_COHORTS
        return {int(row["CohortId"]): (False, str(row["Key"])) for row in rows[:MAX_COHORTS]}

    def close(self) -> None:
        """Drop what was kept."""
        self._driver.command("DROP TEMPORARY TABLE IF EXISTS compared")

    def sizes(self) -> Sizes:
        """What there is on both sides, and the sums over its pairs."""
        rows = self._pairs(mixed=False)
        mixed = any(row["Mixed"] for row in rows)
        if mixed:
            rows = self._pairs(mixed=True)
        found = {self._keys[int(row["CohortId"])]: _size(row, self._pairable) for row in rows}
        return Sizes(
            cohorts={key: found[key] for key in self._keys.values() if key in found} or {_WHOLE: Size()},
            sessions=any(row["Sessions"] for row in rows),
            mixed=mixed,
            more=self._more,
        )

    def sides(self, metrics: Sequence[Metric]) -> dict[tuple[Key, int], Any]:
        """Sums over the traces of each cohort and side."""
        return self._by_side("compare_sides", metrics, {"WHOLE": self._whole, "SUMS": trace_sums(metrics)})

    def clusters(self, metrics: Sequence[Metric]) -> dict[tuple[Key, int], Any]:
        """The same sums over the sessions of each cohort and side."""
        parts = {"COHORT_IDS": self._ids, "WITHIN": within_cluster(metrics), "SUMS": cluster_sums(metrics)}
        return self._by_side("compare_clusters", metrics, parts)

    def _by_side(
        self, name: str, metrics: Sequence[Metric], parts: Mapping[str, str]
    ) -> dict[tuple[Key, int], Any]:
        rows = self._run(name, metrics, parts)
        return {(self._keys[int(row["CohortId"])], int(row["Side"])): row for row in rows}

    def _pairs(self, *, mixed: bool) -> list[dict[str, Any]]:
        """Pairs are grouped once, and counted for the whole and their cohort; or for each by itself."""
        sums = ",\n    " + pair_sums(self._pairable) if self._pairable else ""
        within = ",\n        " + within_pair(self._pairable) if self._pairable else ""
        groups = {
            "GROUP_ID": f"arrayJoin({self._ids})" if mixed else "if(Pair = 0, CohortHash, 0)",
            "COHORT_ID": "Id" if mixed else "max(CohortHash)",
            "WHOLE": "" if mixed else self._whole,
        }
        return self._run("compare_pairs", self._pairable, {**groups, "SUMS": sums, "WITHIN": within})

    def _run(self, name: str, metrics: Sequence[Metric], parts: Mapping[str, str]) -> list[dict[str, Any]]:
        sql = statement(__package__, name)
        for mark, text in {**parts, "ROWS": self._rows(metrics)}.items():
            sql = sql.replace(mark, text)
        return self._driver.query(sql, {"cohort_ids": list(self._keys)}, ONE_THREAD)

    def _rows(self, metrics: Sequence[Metric]) -> str:
        """What was kept, with the columns of ``metrics`` numbered as they stand there."""
        columns = list(self._columns)
        for index, metric in enumerate(metrics):
            kept = self._metrics.index(metric)
            columns.append(f"compared.v{kept} AS v{index}")
            if metric.form is Form.RATIO:
                columns.append(f"compared.w{kept} AS w{index}")
        return f"(SELECT {', '.join(columns)} FROM compared)"  # noqa: S608


def _size(row: Mapping[str, Any], metrics: Sequence[Metric]) -> Size:
    return Size(
        traces=(int(row["BaseTraces"]), int(row["CandidateTraces"])),
        paired=(int(row["BasePaired"]), int(row["CandidatePaired"])),
        pairs=int(row["Pairs"]),
        sums={metric.name: row[f"s{index}"] for index, metric in enumerate(metrics)},
    )
