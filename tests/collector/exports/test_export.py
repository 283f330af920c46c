"""`groundtrace export` against a real server."""

from __future__ import annotations

import asyncio
import csv
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from groundtrace import Client
from groundtrace_collector.commands.export import command
from groundtrace_collector.exports.trace_file import TraceFileError
from tests.collector.conftest import ServeProcess
from tests.collector.otlp import otlp_request
from tests.collector.pages.rag import rag_spans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAMILIES = ("billing", "legal", "billing")
QUESTION = 'a "question",\nwith\ttabs and ünïcode?'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """Three RAG traces of two families, the first with two scores."""
    folder = tmp_path_factory.mktemp("export")
    process = ServeProcess(folder / "store", folder / "serve.log")
    process.start()
    spans = []
    for number, family in enumerate(FAMILIES, 1):
        of_trace = [
            {**span, "span_id": f"{number:08x}{span['span_id'][8:]}"} for span in rag_spans(f"{number:032x}")
        ]
        for span in of_trace[1:]:
            span["parent_span_id"] = of_trace[0]["span_id"]
        root = of_trace[0]["attributes"]
        root["input.value"], root["metadata"] = QUESTION, json.dumps({"doc_family": family})
        spans += of_trace
    headers = {"content-type": "application/x-protobuf"}
    with Client(process.url) as client:
        httpx.post(
            f"{process.url}/v1/traces", content=otlp_request(spans), headers=headers
        ).raise_for_status()
        of_first = {"trace_id": f"{1:032x}"}
        client.add_scores(
            [
                {**of_first, "name": "groundedness", "score": 0.25},
                {**of_first, "name": "tone", "label": "rude"},
            ]
        )
        while client.count()["traces"] < len(FAMILIES):
            asyncio.run(asyncio.sleep(0.05))
    yield process
    process.stop()


@pytest.fixture(scope="module")
def listed(server: ServeProcess) -> list[dict[str, Any]]:
    with Client(server.url) as client:
        return list(client.traces()["traces"])


def run(server: ServeProcess, *arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments), "--url", server.url])


def test_stdout_has_a_line_a_trace_as_lists_show_it(
    server: ServeProcess, listed: list[dict[str, Any]]
) -> None:
    done = run(server)

    assert [json.loads(line) for line in done.stdout.splitlines()] == listed
    assert done.stderr == ""


def test_filters_narrow_and_order_orders(server: ServeProcess, tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    done = run(server, file, "--where", "metadata.doc_family = 'billing'", "--order", "started_at", "--json")

    assert json.loads(done.stdout) == {"file": str(file), "traces": 2}
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["metadata"]["doc_family"] for line in lines] == ["billing", "billing"]
    assert lines == sorted(lines, key=lambda line: line["started_at"])


def test_json_without_a_file_is_one_json(server: ServeProcess, listed: list[dict[str, Any]]) -> None:
    assert json.loads(run(server, "--json").stdout) == {"traces": listed}


def test_full_traces_carry_their_spans_and_documents(server: ServeProcess) -> None:
    lines = [json.loads(line) for line in run(server, "--full").stdout.splitlines()]
    with Client(server.url) as client:
        assert lines == [client.trace(line["trace_id"]) for line in lines]
    assert all(line["spans"] and line["documents"] for line in lines)


@pytest.mark.parametrize(("ending", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_a_table_of_text_has_the_listed_fields(
    server: ServeProcess, listed: list[dict[str, Any]], tmp_path: Path, ending: str, delimiter: str
) -> None:
    file = tmp_path / f"traces{ending}"
    assert run(server, file).exit_code == 0
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter=delimiter))

    assert [list(row) for row in rows] == [list(trace) for trace in listed]
    for row, trace in zip(rows, listed, strict=True):
        assert (row["query"], float(row["duration_ms"])) == (QUESTION, trace["duration_ms"])
        assert json.loads(row["metadata"]) == trace["metadata"]
        assert json.loads(row["scores"] or "[]") == trace["scores"]
        assert row["reranker"] == (trace["reranker"] or "")


def test_parquet_keeps_types(server: ServeProcess, listed: list[dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "traces.parquet"
    assert run(server, file).exit_code == 0
    rows = pq.read_table(file).to_pylist()

    names = ("trace_id", "started_at", "duration_ms", "tokens_prompt", "encoders", "query", "incomplete")
    assert [[row[name] for name in names] for row in rows] == [
        [trace[name] for name in names] for trace in listed
    ]
    assert [dict(row["metadata"]) for row in rows] == [trace["metadata"] for trace in listed]
    assert datetime.fromisoformat(rows[0]["started_at"]).tzinfo is not None
    scored = next(row for row in rows if row["trace_id"] == f"{1:032x}")
    assert [(score["name"], score["score"], score["label"]) for score in scored["scores"]] == [
        ("groundedness", 0.25, None),
        ("tone", None, "rude"),
    ]


WRONG = {
    "another ending": ("traces.xlsx", (), "must end in .jsonl, .csv, .tsv, .parquet, got '.xlsx'"),
    "no ending": ("traces", (), "got 'no ending'"),
    "a folder that is not there": ("absent/traces.csv", (), "No such file or directory"),
}


@pytest.mark.parametrize(("name", "options", "says"), WRONG.values(), ids=WRONG)
def test_a_file_that_cannot_be_written_is_named(
    server: ServeProcess, tmp_path: Path, name: str, options: tuple[str, ...], says: str
) -> None:
    done = run(server, tmp_path / name, *options)

    assert isinstance(done.exception, TraceFileError)
    assert says in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_table_holds_no_full_traces(server: ServeProcess, tmp_path: Path) -> None:
    done = run(server, tmp_path / "traces.csv", "--full")

    assert done.exit_code == 2
    assert "only .jsonl holds, got traces.csv" in done.stderr


def test_what_fails_on_the_way_leaves_the_file_as_it_was(server: ServeProcess, tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text("before")
    done = run(server, file, "--where", "nonsense = 1")

    assert done.exit_code == 1
    assert file.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["traces.jsonl"]
