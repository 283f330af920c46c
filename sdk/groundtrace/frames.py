"""API answers as pandas frames."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from groundtrace.errors import GroundtraceError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

_LISTS: Final = ("traces", "scores", "feedback", "spans", "documents", "jobs", "saved", "evaluations")
_PARTS: Final = ("value", "low", "high", "n")
_JUDGED: Final = ("paired", "wins", "losses", "ties", "detectable", "p_value", "verdict")


def to_pandas(result: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Turn an answer of the API, or a list of its rows, into a frame.

    Traces, scores and SQL rows: one row each. Cohorts: one row a cohort, columns ``METRIC``,
    ``METRIC.low``, ``METRIC.high``, ``METRIC.n``. Compare: one row a cohort and metric.
    Raises MissingExtraError without pandas, GroundtraceError for an answer that is no table.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(library="pandas", extra=None) from error
    return pd.DataFrame(rows(result))


def rows(result: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the table in an answer, a mapping a row."""
    if not isinstance(result, Mapping):
        return [dict(row) for row in result]
    if "cohorts" in result:
        compared = "base" in result and "candidate" in result
        return _compare_rows(result) if compared else _cohort_rows(result)
    if "columns" in result and "rows" in result:
        return _sql_rows(result["columns"], result["rows"])
    for key in ("rows", *_LISTS):
        if isinstance(result.get(key), list):
            return [dict(row) for row in result[key]]
    raise GroundtraceError(f"this answer holds no table; its keys are {', '.join(map(str, result))}")


def _sql_rows(columns: Sequence[Any], values: Sequence[Any]) -> list[dict[str, Any]]:
    names = [column["name"] if isinstance(column, Mapping) else str(column) for column in columns]
    return [dict(row) if isinstance(row, Mapping) else dict(zip(names, row, strict=True)) for row in values]


def _cohort_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    table = []
    for cohort in result["cohorts"]:
        row: dict[str, Any] = {"key": cohort["key"]}
        for name, metric in cohort["metrics"].items():
            for part in _PARTS:
                row[name if part == "value" else f"{name}.{part}"] = metric.get(part)
        table.append(row)
    return table


def _compare_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    table = []
    for cohort in result["cohorts"]:
        for name, metric in cohort["metrics"].items():
            row: dict[str, Any] = {"key": cohort["key"], "metric": name}
            for side in ("base", "candidate", "difference"):
                for part in _PARTS:
                    column = side if part == "value" else f"{side}.{part}"
                    row[column] = (metric.get(side) or {}).get(part)
            row.update({key: metric.get(key) for key in _JUDGED})
            table.append(row)
    return table
