"""`groundtrace trace`: one trace."""

from __future__ import annotations

from urllib.parse import quote

import click

from groundtrace_collector.commands import reading, table

_FACTS = (
    "trace_id",
    "started_at",
    "duration_ms",
    "name",
    "project",
    "service",
    "status",
    "encoder",
    "reranker",
    "llm_model",
    "prompt_version",
    "tokens_prompt",
    "tokens_completion",
    "cost_usd",
    "query",
    "answer",
)


@click.command()
@click.argument("trace_id")
@reading.reads
def command(trace_id: str, url: str | None, *, as_json: bool) -> None:
    """Show one trace: its spans, documents and scores."""
    if not trace_id.strip():
        raise click.UsageError("a trace id is needed; `groundtrace traces` lists them")
    trace = reading.ask(url, f"/api/v1/traces/{quote(trace_id, safe='')}", {})
    if as_json:
        reading.print_json(trace)
        return
    facts = [(name, trace[name]) for name in _FACTS if trace[name] is not None]
    facts += [(f"metadata.{key}", value) for key, value in sorted(trace["metadata"].items())]
    table.show(["field", "value"], facts)
    _section("spans", ["kind", "name", "ms", "status", "span"], _spans(trace["spans"]))
    _section(
        "documents",
        ["stage", "rank", "id", "score", "content"],
        [[row[key] for key in ("stage", "rank", "id", "score", "content")] for row in trace["documents"]],
    )
    _section(
        "scores",
        ["name", "score", "label", "status", "source", "explanation"],
        [
            [row[key] for key in ("name", "score", "label", "status", "source", "explanation")]
            for row in trace["scores"]
        ],
    )
    _section(
        "not scored",
        ["evaluator", "version", "status", "reason"],
        [
            [row[key] for key in ("evaluator", "version", "status", "reason")]
            for row in trace["evaluations"]
            if row["status"] != "ok"
        ],
    )


def _section(title: str, columns: list[str], rows: list[list[object]]) -> None:
    if rows:
        click.echo(f"\n{title}")
        table.show(columns, rows)


def _spans(spans: list[reading.Answer]) -> list[list[object]]:
    """Spans in the order of the tree, a step further in for each level."""
    known = {span["span_id"] for span in spans}
    children: dict[str | None, list[reading.Answer]] = {}
    for span in spans:
        parent = span["parent_span_id"] if span["parent_span_id"] in known else None
        children.setdefault(parent, []).append(span)
    rows: list[list[object]] = []
    waiting = [(span, 0) for span in reversed(children.get(None, []))]
    while waiting:
        span, level = waiting.pop()
        name = f"{'· ' * level}{span['name']}"
        rows.append([span["kind"], name, span["duration_ms"], span["status"], span["span_id"]])
        waiting += [(child, level + 1) for child in reversed(children.pop(span["span_id"], []))]
    return rows
