"""`groundtrace dataset` against a real server: import, export, list and mine."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from click.testing import CliRunner, Result

from groundtrace import AsyncClient, Client
from groundtrace.errors import ApiError
from groundtrace_collector.commands.dataset import command
from groundtrace_collector.datasets.files import DatasetFileError, read_rows
from tests.collector.conftest import ServeProcess
from tests.collector.otlp import otlp_request
from tests.collector.pages.rag import rag_spans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOLD = "groundtrace.gold.document_ids"


def trace(number: int) -> str:
    return f"{number:032x}"


def spans_of(number: int, *, gold: bool, query: str = "") -> list[dict[str, Any]]:
    spans = [{**span, "span_id": f"{number:08x}{span['span_id'][8:]}"} for span in rag_spans(trace(number))]
    for span in spans[1:]:
        span["parent_span_id"] = spans[0]["span_id"]
    root = spans[0]["attributes"]
    root["input.value"] = query or f"question {number}?"
    root["metadata"] = json.dumps({"doc_family": "billing", "intent": "refund"})
    root[GOLD] = '["policy-3", ""]'  # as an app has it that splits a list at its commas
    if not gold:
        del root[GOLD]
    return spans


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """Traces 1-3: gold ids (3 asks what 2 asks); 4: thumb up; 5: thumb down; 6: nobody said anything."""
    folder = tmp_path_factory.mktemp("datasets")
    process = ServeProcess(folder / "store", folder / "serve.log")
    process.start()
    spans = [
        span
        for number in range(1, 7)
        for span in spans_of(number, gold=number <= 3, query="the same?" if number in (2, 3) else "")
    ]
    with Client(process.url) as client:
        headers = {"content-type": "application/x-protobuf"}
        httpx.post(
            f"{process.url}/v1/traces", content=otlp_request(spans), headers=headers
        ).raise_for_status()
        client.feedback(trace(4), "thumbs", -1)
        client.feedback(trace(4), "thumbs", 1)
        client.feedback(trace(5), "thumbs", -1)
        while client.count()["traces"] < 6:
            asyncio.run(asyncio.sleep(0.05))
    yield process
    process.stop()


def run(server: ServeProcess, *arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments), "--url", server.url])


def rows_in(server: ServeProcess, name: str, version: int | None = None) -> list[dict[str, Any]]:
    with Client(server.url) as client:
        return list(client.iter_dataset_rows(name, version=version, page_size=2))


def test_traces_become_rows_and_the_others_have_a_reason(server: ServeProcess) -> None:
    done = run(server, "mine", "mined")

    assert (done.exit_code, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert (lines[0], lines[-1]) == ("3 rows from 6 traces", "mined version 1: 3 rows")
    assert sorted(lines[1:-1]) == [
        "1 traces gave none: a thumb or a human score says that it went wrong, and no gold id what is right",
        "1 traces gave none: a trace before it gave the same rows",
        "1 traces gave none: no gold id, thumb or human score says what is right",
    ]
    gold, _, liked = rows_in(server, "mined")
    assert (gold["query"], gold["trace_id"], gold["positive_ids"]) == ("question 1?", trace(1), ["policy-3"])
    assert gold["positive_chunk"] == "What policy-3 says about refunds."
    assert gold["hard_negative_chunk"] == "What policy-1 says about refunds."
    assert gold["source"] == "mined: gold ids, negative reranked down"
    assert (gold["embedding_model_version"], gold["model_version"]) == ("minilm@2", "extractive")
    assert (gold["intent"], gold["metadata"]["doc_family"]) == ("refund", "billing")
    assert (liked["trace_id"], liked["source"]) == (trace(4), "mined: thumbs up, negative reranked down")


def test_mining_the_same_traces_again_gives_the_same_rows(server: ServeProcess) -> None:
    for _ in range(2):
        assert run(server, "mine", "twice", "--negatives", 3, "--where", "feedback.thumbs = 1").exit_code == 0

    first, second = rows_in(server, "twice", 1), rows_in(server, "twice", 2)

    assert first == second
    assert [row["hard_negative_id"] for row in first] == ["policy-1", "policy-2", "policy-4"]


def test_a_wrong_expression_makes_no_version(server: ServeProcess) -> None:
    with Client(server.url) as client:
        with pytest.raises(ApiError, match="encodr"):
            client.mine_dataset("wrong", where="encodr = 1")

        assert "wrong" not in {each["name"] for each in client.datasets()["datasets"]}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (
            "feedback.thumbs is null and attributes['groundtrace.gold.document_ids'] is null",
            "no row came of 1 traces: 1 traces: no gold id, thumb or human score says what is right (no_rows",
        ),
        ("project = 'elsewhere'", "no trace matches: nothing to mine (no_rows"),
    ],
    ids=["all unfit", "none"],
)
def test_mining_that_finds_no_row_says_why(server: ServeProcess, where: str, words: str) -> None:
    done = run(server, "mine", "nothing", "--where", where)

    assert done.exit_code == 1
    assert words in (done.stderr or str(done.exception))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_what_is_exported_comes_back_by_import(server: ServeProcess, ending: str, tmp_path: Path) -> None:
    run(server, "mine", "source")
    file = tmp_path / f"rows.{ending}"

    exported = run(server, "export", "source", file)
    imported = run(server, "import", f"from-{ending}", file, "--json")

    assert exported.exit_code == imported.exit_code == 0
    assert json.loads(imported.stdout) == {"name": f"from-{ending}", "version": 1, "rows": 3}
    assert rows_in(server, f"from-{ending}") == rows_in(server, "source")
    assert [row.as_json() for row in read_rows(file)] == rows_in(server, "source")


def test_a_file_of_more_rows_than_one_request_takes_arrives_whole_and_in_order(
    server: ServeProcess, tmp_path: Path
) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("".join(f'{{"query": "q{number}"}}\n' for number in range(1_200)))

    assert run(server, "import", "many", file).exit_code == 0

    with Client(server.url) as client:
        found = [row["query"] for row in client.iter_dataset_rows("many")]
    assert found == [f"q{number}" for number in range(1_200)]


@pytest.mark.parametrize(
    ("last", "message"),
    [
        pytest.param('{"query": ""}', r"row 602: query: a query must not be empty, got ''", id="wrong row"),
        pytest.param(
            '{"id": "1", "query": "b"}', r"row 602: id: the same as row 1's, .* got '1'", id="id twice"
        ),
    ],
)
def test_of_a_file_with_a_wrong_row_nothing_is_imported(
    server: ServeProcess, tmp_path: Path, last: str, message: str
) -> None:
    file = tmp_path / "bad.jsonl"
    good = "".join(f'{{"query": "q{number}"}}\n' for number in range(600))
    file.write_text(f'{{"id": "1", "query": "a"}}\n{good}{last}\n')

    done = run(server, "import", "bad", file)

    assert isinstance(done.exception, DatasetFileError)
    with pytest.raises(DatasetFileError, match=message):
        raise done.exception
    assert "bad" not in {
        each["name"] for each in json.loads(run(server, "list", "--json").stdout)["datasets"]
    }


def test_an_import_that_fails_half_way_leaves_the_version_before(server: ServeProcess) -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield from ({"query": f"q{number}"} for number in range(700))
        raise RuntimeError("the disk went away")

    with Client(server.url) as client:
        client.add_dataset("kept", [{"query": "before"}])
        with pytest.raises(RuntimeError):
            client.add_dataset("kept", failing())

    assert [row["query"] for row in rows_in(server, "kept")] == ["before"]


def test_appending_by_command_keeps_the_rows_before(server: ServeProcess, tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("query\na\n")
    second.write_text("query,metadata.language\nb,de\n")

    run(server, "import", "grown", first)
    done = run(server, "import", "grown", second, "--append")

    assert done.stderr.splitlines()[-1] == "grown version 2: 2 rows"
    assert [(row["query"], row["metadata"]) for row in rows_in(server, "grown")] == [
        ("a", {}),
        ("b", {"language": "de"}),
    ]
    listed = run(server, "list").stdout.splitlines()
    assert any(line.startswith("grown\t2\t2\t") for line in listed)


async def test_the_asynchronous_client_does_the_same(server: ServeProcess) -> None:
    client = AsyncClient(server.url)
    made = await client.add_dataset("async", [{"query": "a"}, {"query": "b"}], source="a test")
    found = [row["query"] async for row in client.iter_dataset_rows("async", page_size=1)]
    mined = await client.mine_dataset("async", where="feedback.thumbs = 1", append=True)
    listed = {each["name"]: each for each in (await client.datasets())["datasets"]}
    await client.close()

    assert made == {"name": "async", "version": 1, "rows": 2}
    assert found == ["a", "b"]
    assert (mined["version"], mined["rows"], mined["mined"]) == (
        2,
        3,
        {"traces": 1, "rows": 1, "skipped": {}},
    )
    assert listed["async"]["source"] == "mined from 1 traces"
