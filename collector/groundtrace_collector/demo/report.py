"""The table that the demo ends with."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from groundtrace_collector.demo.results import METRICS, WHOLE, Highlight, Results

NOTHING: Final = "-"
LEAST_PAIRS: Final = 20  # fewer are always insufficient, so their number is shown
WIDE_COLUMNS: Final = 118  # from here on the metrics stand side by side

_STYLES: Final = {"better": "bold green", "worse": "bold red"}


def _share(value: float) -> str:
    return f"{value:.2f}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


_FORMATS: Final[Mapping[str, tuple[str, Callable[[float], str]]]] = {
    "recall@5": ("recall@5", _share),
    "score:context_relevance": ("ContextRelevance", _share),
    "fail_rate:groundedness": ("Groundedness fails", _percent),
    "p99_ms": ("p99 ms", _whole),
    "tokens_per_trace": ("tokens a trace", _whole),
}


def comparison_table(results: Results, *, width: int) -> Table:
    """Each family's metrics, the base encoder against the candidate, with 95 % intervals and verdicts."""
    compared = results.compare
    title = f"{compared['base']} → {compared['candidate']}, by document family"
    return _wide(compared, title) if width >= WIDE_COLUMNS else _narrow(compared, title)


def cell_lines(metric: str, cell: Mapping[str, Any]) -> tuple[str, str, str]:
    """A comparison's three lines: both values, the difference with its interval, the verdict."""
    _, number = _FORMATS[metric]
    values = f"{_value(cell['base'], number)} → {_value(cell['candidate'], number)}"
    verdict = str(cell["verdict"])
    if verdict == "insufficient data" and cell["difference"]["n"] < LEAST_PAIRS:
        verdict = f"insufficient data ({cell['difference']['n']})"
    return values, _difference(cell["difference"], number), verdict


def _wide(compared: Mapping[str, Any], title: str) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True)
    table.add_column("family")
    for metric in METRICS:
        table.add_column(_FORMATS[metric][0], no_wrap=True)
    for cohort in compared["cohorts"]:
        cells = [_styled(metric, cohort["metrics"][metric], "\n") for metric in METRICS]
        table.add_row(_family(cohort["key"]), *cells)
    return table


def _narrow(compared: Mapping[str, Any], title: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("", "values", "difference", "verdict"):
        table.add_column(name, no_wrap=True)
    for cohort in compared["cohorts"]:
        table.add_row(_family(cohort["key"]))
        for metric in METRICS:
            cell = cohort["metrics"][metric]
            values, difference, _ = cell_lines(metric, cell)
            name = f"  {_FORMATS[metric][0]}"
            table.add_row(name, values, difference, _verdict(cell["verdict"]))
    return table


def _styled(metric: str, cell: Mapping[str, Any], separator: str) -> Text:
    values, difference, verdict = cell_lines(metric, cell)
    return Text(separator).join([Text(values), Text(difference, style="dim"), _verdict(verdict)])


def _verdict(verdict: str) -> Text:
    return Text(verdict, style=_STYLES.get(verdict, "dim"))


def _family(key: str) -> Text:
    return Text("all families" if key == WHOLE else key, style="bold")


def _value(cell: Mapping[str, Any], number: Callable[[float], str]) -> str:
    return NOTHING if cell["value"] is None else number(cell["value"])


def _difference(cell: Mapping[str, Any], number: Callable[[float], str]) -> str:
    if cell["value"] is None:
        return NOTHING
    signed = _signed(cell["value"], number)
    if cell["low"] is None or cell["high"] is None:
        return signed
    return f"{signed} [{_signed(cell['low'], number)}, {_signed(cell['high'], number)}]"


def _signed(value: float, number: Callable[[float], str]) -> str:
    text = number(abs(value))
    nothing = text == number(0.0)
    return text if nothing else f"{'+' if value > 0 else '-'}{text}"


def summary(results: Results, *, store: str, url: str | None, estimated: bool) -> list[str]:
    """What the table shows, where to look first, and where everything is kept."""
    counts = f"{results.traces} traces, {results.spans} spans, {results.scores} scores."
    key = "Each cell: both values, the difference with its 95 % interval, the verdict."
    lines = [f"{counts} {key} Verdicts allow for the number of families looked at."]
    if estimated:
        model = "The model `extractive` answers with sentences of what was found, or abstains"
        lines.append(f"{model}: it fails Groundedness seldom. Its token counts are estimates.")
    if results.highlight is not None:
        lines += _highlighted(results.highlight, url)
    if url is None:
        lines.append(f"To see the pages: groundtrace serve --store {store}")
    return lines


def _highlighted(highlight: Highlight, url: str | None) -> list[str]:
    change = f"{_share(highlight.base)} → {_share(highlight.candidate)}"
    return [
        f"{highlight.family} changed most: recall@5 {change} ({highlight.verdict}). Look at this question:",
        f"  {highlight.query}",
        f"  {highlight.lost} missed the answer  {url or ''}/traces/{highlight.lost_trace_id}",
        f"  {highlight.won} found it  {url or ''}/traces/{highlight.won_trace_id}",
    ]
