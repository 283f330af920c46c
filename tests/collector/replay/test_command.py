"""`groundtrace replay` on files, on a collector's dataset, on live queries, and on the demo's encoders."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

import groundtrace
from groundtrace import Client, Document
from groundtrace_collector.commands.card import command as card_command
from groundtrace_collector.commands.replay import command
from groundtrace_collector.demo.replay import write_dataset
from groundtrace_collector.errors import CollectorError
from groundtrace_collector.replay.report import read_report
from groundtrace_collector.replay.sources import read_corpus

if TYPE_CHECKING:
    from pathlib import Path

    from tests.collector.conftest import ServeProcess

HERE = "tests.collector.replay.letters"
SIDES = ("--base", f"{HERE}:vowels", "--candidate", f"{HERE}:letters")
WORDS = ("anchor", "bridge", "candle", "dragon", "falcon", "garden", "hammer", "island")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments])


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Rows whose query is the word that its chunk repeats."""
    path = tmp_path / "words.jsonl"
    rows = [
        {"query": word, "positive_chunk": f"{word} {word}", "metadata": {"first": word[0]}} for word in WORDS
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_a_file_is_replayed_and_the_report_written(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"

    done = _run("--dataset", str(dataset), *SIDES, "--k", "1", "--by", "metadata.first", "--out", str(out))

    assert done.exit_code == 0, done.output
    header, *lines = done.stdout.splitlines()
    assert header.split("\t")[:4] == ["cohort", "metric", "letters@1", "letters@2"]
    assert lines[0].startswith("*\trecall@1\t")
    report = read_report(out)
    assert [each.key for each in report.cohorts] == ["*", *sorted(word[0] for word in WORDS)]
    assert report.cohorts[0].metrics["recall@1"].candidate.value == 1.0
    assert report.corpus.documents == len(WORDS)


def test_a_report_that_cannot_be_written_is_told_after_what_was_found(dataset: Path, tmp_path: Path) -> None:
    done = _run("--dataset", str(dataset), *SIDES, "--out", str(tmp_path / "nowhere" / "report.json"))

    assert isinstance(done.exception, CollectorError)
    assert str(done.exception) == f"cannot write {tmp_path}/nowhere/report.json: No such file or directory"
    assert "*\trecall@5\t" in done.stdout


def test_json_is_the_report(dataset: Path) -> None:
    done = _run("--dataset", str(dataset), *SIDES, "--json")

    answer = json.loads(done.stdout)
    assert (answer["kind"], answer["k"], answer["dataset"]["rows"]) == ("replay", [5, 10], len(WORDS))
    assert "no hard negative" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param((), "give --dataset, or --sample", id="neither"),
        pytest.param(("--dataset", "x.jsonl", "--sample", "3"), "not both", id="both"),
        pytest.param(("--dataset", "x.jsonl", "--where", "a = 1"), "they need --sample", id="where"),
        pytest.param(("--dataset", "x.jsonl", "--cohort", "a"), "they need --sample", id="cohort"),
        pytest.param(("--dataset", "x.jsonl", "--k", "0"), "whole numbers from 1 on", id="k"),
    ],
)
def test_misuse_is_told(arguments: tuple[str, ...], said: str) -> None:
    done = _run(*arguments, *SIDES)

    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param('{"id": "a"}\n', "line 1: content: Field required", id="field"),
        pytest.param('{"id": "a", "content": "x"}\n\nnot\n', "line 3: Invalid JSON", id="json"),
        pytest.param(
            '{"id": "a", "content": "x"}\n{"id": "a", "content": "y"}\n',
            "another document has the id 'a'",
            id="id",
        ),
    ],
)
def test_a_corpus_that_is_wrong_names_the_line(tmp_path: Path, lines: str, said: str) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(lines)

    with pytest.raises(CollectorError, match=said):
        read_corpus(path)


def test_a_file_that_is_no_report_is_told(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{"kind": "compare"}')

    with pytest.raises(CollectorError, match="no report of `groundtrace replay`"):
        read_report(path)


@pytest.mark.verify
def test_a_stored_dataset_and_live_queries_are_replayed_and_a_card_made_of_the_traces(
    serve: ServeProcess,
) -> None:
    documents = [Document(id=word, content=f"{word} {word}") for word in WORDS]
    with Client(serve.url) as client:
        client.add_dataset("words", [{"query": word, "positive_chunk": f"{word} {word}"} for word in WORDS])
        _trace(serve.url, documents)
        _wait(client, len(WORDS))

    stored = _run("--dataset", "words", *SIDES, "--url", serve.url, "--json")
    live = _run(
        "--sample", "5", "--where", "metadata.first in ('a', 'b', 'c')", *SIDES,
        "--k", "1", "--by", "metadata.first", "--url", serve.url, "--json",
    )  # fmt: skip

    assert stored.exit_code == 0, stored.output
    assert json.loads(stored.stdout)["dataset"]["rows"] == len(WORDS)
    report = json.loads(live.stdout)
    assert (report["dataset"]["rows"], report["corpus"]["documents"]) == (3, len(WORDS))
    assert [each["key"] for each in report["cohorts"]] == ["*", "a", "b", "c"]
    assert report["cohorts"][0]["metrics"]["recall@1"]["candidate"]["value"] == 1.0

    made = CliRunner().invoke(
        card_command, ["letters@2", "--by", "metadata.first", "--url", serve.url, "--json"]
    )
    card = json.loads(made.stdout)
    assert card["live"]["cohorts"][0]["metrics"]["traces"]["value"] == len(WORDS)
    assert [each["key"] for each in card["live"]["cohorts"][1:]] == sorted(word[0] for word in WORDS)
    assert any("margins: no report" in each for each in card["unknown"])


def _trace(url: str, documents: list[Document]) -> None:
    groundtrace.instrument(url, only=[])
    try:
        for word in WORDS:
            with (
                groundtrace.context(metadata={"first": word[0]}, gold=[word, ""]),
                groundtrace.chain(name="ask"),
            ):
                with groundtrace.encoder(model="letters", version="2") as encoding:
                    encoding.set_texts([word])
                with groundtrace.retriever(query=word) as step:
                    step.add_documents(documents)
        assert groundtrace.flush(10)
    finally:
        groundtrace.uninstrument()


def _wait(client: Client, traces: int) -> None:
    deadline = time.monotonic() + 20
    while client.count()["traces"] < traces:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_demos_encoders_are_replayed_by_the_readmes_command(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    demo = "groundtrace_collector.demo.replay"

    done = _run(
        "--dataset", str(tmp_path / "questions.jsonl"), "--corpus", str(tmp_path / "corpus.jsonl"),
        "--base", f"{demo}:hash_1", "--candidate", f"{demo}:lsa_2", "--json",
    )  # fmt: skip

    report = json.loads(done.stdout)
    recall = report["cohorts"][0]["metrics"]["recall@5"]
    assert (report["base"]["name"], report["candidate"]["name"]) == ("hash@1", "lsa@2")
    assert report["dataset"]["rows"] > 130
    assert recall["verdict"] == "better"
    assert recall["difference"]["low"] > 0


def test_the_demos_files_that_cannot_be_written_are_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    done = subprocess.run(
        [sys.executable, "-m", "groundtrace_collector.demo.replay", str(tmp_path / "taken")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == f"cannot write to {tmp_path}/taken: File exists; name another folder\n"
