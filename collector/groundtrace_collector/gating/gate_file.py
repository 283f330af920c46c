"""The file of a gate: what is compared, and the rules that the candidate must keep.

Everything wrong with a file is said in one line: which key, which value, what to do.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from groundtrace_collector.errors import CollectorError
from groundtrace_collector.query.compare import WHOLE
from groundtrace_collector.query.errors import QueryError, suggestion
from groundtrace_collector.query.metrics import MIN_N, metric

_KINDS = ("limit", "non-inferiority", "no-regression")
Undecided = Literal["fail", "warn"]
Cohorts = Literal["whole", "each", "all"] | Annotated[list[str], Field(min_length=1)]
"""All traffic; every cohort that was seen; both; or cohorts by name, which must be there."""

PRESETS = {"margin_0.18": ("margin", 0.18)}
"""Limits that go by a name: the metric and the least value, read at the point."""


_OF_REPLAYS = (
    "recall@K",
    "ndcg@K",
    "mrr",
    "margin",
    "margin_auroc",
    "churn@K",
    "rbo",
    "top1_changed",
    "query_ms",
)
_OF_REPLAY = re.compile("|".join(name.replace("@K", r"@([1-9]\d{0,3})") for name in _OF_REPLAYS))
_WITHOUT_DIFFERENCE = ("churn@", "rbo", "top1_changed", "query_ms")


class GateFileError(CollectorError):
    """A gate that cannot be asked as it is written: which key, which value, what to do."""


class _Part(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    pass


class Settings(_Part):
    """`[gate]`: what holds for every rule that does not say otherwise."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "gate"
    level: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    """How often at most a candidate that is as good as the base is called worse, over the whole gate."""
    undecided: Undecided = "fail"
    min_n: Annotated[int, Field(ge=MIN_N)] = MIN_N
    allow_unproven: bool = False
    calibrations: tuple[str, ...] = ()
    """Files that `Calibration.to_json` wrote, beside the gate's file or absolute."""


class Live(_Part):
    """`[live]`: a comparison of live traces, in the words of `groundtrace compare`."""

    by: str
    base: str
    candidate: str
    cohort: str | None = None
    where: str | None = None
    saved: str | None = None
    since: str | None = None
    until: str | None = None

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        if self.base == self.candidate:
            raise ValueError(f"base and candidate are both {self.base!r}: name two values")
        return self


class Replay(_Part):
    """`[replay]`: a report of `groundtrace replay`, or a replay to run, in the words of that command.

    Files (``report``, ``dataset``, ``corpus``) are beside the gate's file or absolute; the addresses of encoders
    are those that `groundtrace replay` takes.
    """

    report: Annotated[str, Field(min_length=1)] | None = None
    dataset: Annotated[str, Field(min_length=1)] | None = None
    sample: Annotated[int, Field(ge=1)] | None = None
    where: str | None = None
    cohort: str | None = None
    since: str | None = None
    corpus: Annotated[str, Field(min_length=1)] | None = None
    base: str | None = None
    candidate: str | None = None
    by: str | None = None
    cluster: Literal["query", "document"] = "query"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("report", "dataset", "sample") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "write one of report (of a replay that was run), dataset and sample (of one to run), got "
                f"{' and '.join(given) or 'none'}"
            )
        if self.report is not None:
            self._without(self.model_fields_set - {"report"}, "a report has its own")
        elif not self.base or not self.candidate:
            raise ValueError("base and candidate are missing: write the addresses of both encoders")
        if self.sample is None:
            self._without(
                self.model_fields_set & {"where", "cohort", "since"},
                "these choose live queries: write sample",
            )
        return self

    def _without(self, names: set[str], why: str) -> None:
        if names:
            raise ValueError(f"{', '.join(sorted(names))}: {why}")


class _Rule(_Part):
    metric: Annotated[str, Field(min_length=1)]
    min_n: Annotated[int, Field(ge=MIN_N)] | None = None
    undecided: Undecided | None = None
    allow_unproven: bool | None = None


class Limit(_Rule):
    """The candidate's own value keeps a limit: its point does, or its whole 95 % interval."""

    kind: Literal["limit"]
    at_least: float | None = None
    at_most: float | None = None
    preset: str | None = None
    holds: Literal["point", "interval"] = "interval"
    cohorts: Cohorts = "whole"

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, given: Any) -> Any:
        name = given.get("preset") if isinstance(given, dict) else None
        if name is None:
            return given
        if not isinstance(name, str) or name not in PRESETS:
            raise ValueError(f"unknown preset {name!r}: there are {', '.join(PRESETS)}")
        taken = sorted({"metric", "at_least", "at_most", "holds"} & given.keys())
        if taken:
            raise ValueError(f"preset {name!r} says {', '.join(taken)} already: leave one of them out")
        measure, least = PRESETS[name]
        return {**given, "metric": measure, "at_least": least, "holds": "point"}

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a limit needs one of at_least and at_most")
        return self


class NonInferiority(_Rule):
    """The candidate is shown to be worse by less than ``delta``, in units of the metric."""

    kind: Literal["non-inferiority"]
    delta: Annotated[float, Field(gt=0)]
    cohorts: Cohorts = "whole"


class NoRegression(_Rule):
    """The candidate is not shown to be worse, in any of the cohorts."""

    kind: Literal["no-regression"]
    cohorts: Cohorts = "all"


Rule = Limit | NonInferiority | NoRegression


class GateFile(_Part):
    """A whole gate. ``folder`` is where the paths in it start."""

    gate: Settings = Settings()
    live: Live | None = None
    replay: Replay | None = None
    rule: Annotated[tuple[Annotated[Rule, Field(discriminator="kind")], ...], Field(min_length=1)]
    folder: Annotated[Path, Field(exclude=True)] = Path()

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.live is None) == (self.replay is None):
            raise ValueError("a gate compares either [live] traces or a [replay]: write one of them")
        if self.live is not None:
            _check_live(self.live, self.rule)
        if self.replay is not None:
            _check_replay(self.replay, self.rule)
        return self

    @property
    def source(self) -> Live | Replay:
        """What the figures are from."""
        source = self.live or self.replay
        assert source is not None  # noqa: S101 - the file was checked
        return source

    @property
    def metrics(self) -> list[str]:
        """Each metric of the rules, once."""
        return list(dict.fromkeys(rule.metric for rule in self.rule))

    @property
    def cut_offs(self) -> tuple[int, ...]:
        """Every K of the rules' metrics, for a replay that the gate runs."""
        return tuple(sorted({int(name.partition("@")[2]) for name in self.metrics if "@" in name}))


def _check_live(live: Live, rules: tuple[Rule, ...]) -> None:
    for place, rule in enumerate(rules, 1):
        try:
            metric(rule.metric)
        except QueryError as error:
            raise ValueError(f"rule {place}: {error}") from error
        if live.cohort is None and _asks_for_families(rule):
            raise ValueError(f"rule {place}: cohorts = {rule.cohorts!r} needs `cohort` in [live]")


def _check_replay(replay: Replay, rules: tuple[Rule, ...]) -> None:
    for place, rule in enumerate(rules, 1):
        if not _OF_REPLAY.fullmatch(rule.metric):
            raise ValueError(
                f"rule {place}: a replay has no metric {rule.metric!r}{suggestion(rule.metric, _OF_REPLAYS)}; "
                f"there are {', '.join(_OF_REPLAYS)}"
            )
        if rule.metric.startswith(_WITHOUT_DIFFERENCE) and rule.kind != "limit":
            raise ValueError(
                f"rule {place}: {rule.metric} has no difference in a replay: write a limit, not {rule.kind}"
            )
        if replay.report is None and replay.by is None and _asks_for_families(rule):
            raise ValueError(f"rule {place}: cohorts = {rule.cohorts!r} needs `by` in [replay]")


def _asks_for_families(rule: Rule) -> bool:
    return rule.cohorts not in ("whole", [WHOLE]) and "cohorts" in rule.model_fields_set


def read_gate(path: Path) -> GateFile:
    """The gate in the file. Raises GateFileError that says what is wrong with it, in one line."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GateFileError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GateFileError(f"{path} is not TOML: {error}") from error
    given.pop("folder", None)
    try:
        return GateFile.model_validate({**given, "folder": path.parent})
    except ValidationError as error:
        raise GateFileError(f"{path}: {_complaint(error)}") from error


def _complaint(error: ValidationError) -> str:
    """The first of the complaints, with the key as it stands in the file."""
    first = error.errors(include_url=False)[0]
    place = _place(first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    match first["type"]:
        case "extra_forbidden":
            key = str(first["loc"][-1])
            known = "a key that does not go here" if key in _KEYS else f"unknown key{suggestion(key, _KEYS)}"
            text = f"{known}; docs/gate.md lists them"
        case "missing" | "too_short" if first["loc"] == ("rule",):
            text = "a gate needs at least one [[rule]]"
        case "missing":
            text = "is missing: write it"
        case "value_error":
            pass
        case "union_tag_invalid":
            given = first["ctx"]["tag"]
            text = f"unknown kind {given!r}{suggestion(given, _KINDS)}; there are {', '.join(_KINDS)}"
        case "union_tag_not_found":
            text = f"kind is missing: write one of {', '.join(_KINDS)}"
        case "tuple_type" if first["loc"] == ("rule",):
            text = "write [[rule]] in two brackets, once for each rule"
        case _:
            text = f"{text}, got {first['input']!r}"
    return f"{place}: {text}" if place else text


def _place(location: tuple[int | str, ...]) -> str:
    """Where a complaint is, as a reader of the file counts: `rule 1.delta`."""
    tags = {*_KINDS, "list[str]"}
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f" {part + 1}"
        elif part not in tags and not part.startswith("literal["):
            place += f".{part}" if place else part
    return place


_KEYS = sorted(
    {
        name
        for part in (Settings, Live, Replay, Limit, NonInferiority, NoRegression)
        for name in part.model_fields
    }
    | {"gate", "live", "replay", "rule"}
)
