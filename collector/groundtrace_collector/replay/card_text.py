"""A card as Markdown. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from groundtrace_collector.replay.card import Card, CardCohort, Live, Replayed
    from groundtrace_collector.replay.report import Figure


def markdown(card: Card) -> str:
    """The whole card; every figure has its 95 % interval and n."""
    parts = [f"# {card.encoder}", f"Encoder card of {card.created_at:%Y-%m-%d}. Intervals are of 95 %."]
    parts += ["## Weak cohorts", *_weak(card)]
    if card.live:
        parts += _live(card.live)
    for each in card.replays:
        parts += _replayed(each)
    parts += ["## Not known", "\n".join(f"- {each}" for each in card.unknown)]
    return "\n\n".join(parts) + "\n"


def _weak(card: Card) -> list[str]:
    if not card.weak:
        return ["None was found; cohorts of fewer than 20 cannot be told."]
    rows = [
        [each.source, _key(each.key), each.metric, _figure(each.figure), each.reason] for each in card.weak
    ]
    return [_table(["source", "cohort", "metric", "value", "why"], rows)]


def _live(live: Live) -> list[str]:
    period = f" since {live.since}" if live.since else ""
    return [f"## Live traces{period}, by {live.by}", _cohorts(live.cohorts)]


def _replayed(each: Replayed) -> list[str]:
    facts = each.facts
    said = [
        f"dataset {each.dataset.name}: {each.dataset.rows} rows, digest {each.dataset.digest}",
        f"corpus {each.corpus.name}: {each.corpus.documents} documents, digest {each.corpus.digest}",
        f"{each.side} against {each.against}",
        f"fingerprint {facts.fingerprint}, {facts.dimension} dimensions",
        f"{_figure(facts.query_ms)} ms a query (median), {facts.texts_per_s:.4g} texts per second",
    ]
    by = f", by {each.by}" if each.by else ""
    return [
        f"## Replay of {each.dataset.name} on {each.created_at:%Y-%m-%d}{by}",
        "\n".join(f"- {line}" for line in said),
        _cohorts(each.cohorts),
    ]


def _cohorts(cohorts: Sequence[CardCohort]) -> str:
    names = list(cohorts[0].metrics)
    rows = [[_key(each.key), *(_figure(each.metrics[name]) for name in names)] for each in cohorts]
    return _table(["cohort", *names], rows)


def _key(key: str) -> str:
    return {"*": "all", "": "(none)"}.get(key, key)


def _figure(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    bounds = ["?" if bound is None else f"{bound:.4g}" for bound in (figure.low, figure.high)]
    interval = "" if figure.low is None and figure.high is None else f" [{', '.join(bounds)}]"
    return f"{figure.value:.4g}{interval}, n {figure.n}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([_cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """On one line, and no end of a column."""
    return " ".join(text.split()).replace("|", "\\|")
