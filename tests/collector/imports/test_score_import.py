"""`groundtrace scores import`: CSV and Parquet into a real collector, whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from groundtrace import Client
from groundtrace_collector.commands.scores import command
from groundtrace_collector.errors import CollectorError
from groundtrace_collector.imports.score_import import import_scores
from groundtrace_collector.imports.score_rows import Columns
from groundtrace_collector.imports.table_file import TableFileError, read_rows
from tests.collector.conftest import ServeProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN = Columns(renamed={}, fixed={}, skipped=frozenset())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    folder = tmp_path_factory.mktemp("import")
    process = ServeProcess(folder / "store", folder / "serve.log")
    process.start()
    yield process
    process.stop()


def trace(number: int) -> str:
    return f"{number:032x}"


def run(server: ServeProcess, *arguments: str | Path) -> Result:
    return CliRunner().invoke(command, ["import", *map(str, arguments), "--url", server.url])


def stored(server: ServeProcess, name: str) -> list[dict[str, Any]]:
    with Client(server.url) as client:
        rows: list[dict[str, Any]] = client.get("/api/v1/scores", {"name": name, "limit": 1000})["scores"]
    return sorted(rows, key=lambda row: (row["trace_id"], row["version"]))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_file_becomes_scores_with_every_field(server: ServeProcess, tmp_path: Path) -> None:
    file = write(
        tmp_path / "s.csv",
        "trace_id,span_id,name,score,label,status,explanation,source,evaluator,version,method,evidence,threshold\n"
        f'{trace(1)},00000000000000ab,tone,0.25,rude,,"said ""no"",\ntwice",human,jane,2,reading,'
        '"[{""text"": ""x""}]",0.4\n'
        f"{trace(2)},,tone,,,refused,would not,,,,,,\n",
    )

    done = run(server, file)

    assert (done.exit_code, done.stdout) == (0, "")
    assert "2 scores imported" in done.stderr
    full, refused = stored(server, "tone")
    assert (full["span_id"], full["score"], full["label"], full["status"]) == (
        "00000000000000ab",
        0.25,
        "rude",
        "ok",
    )
    assert (full["source"], full["evaluator"], full["version"]) == ("human", "jane", "2")
    assert (full["explanation"], full["evidence"]) == ('said "no",\ntwice', [{"text": "x"}])
    assert (refused["score"], refused["status"], refused["source"]) == (None, "refused", "api")


def test_a_parquet_file_becomes_the_same_scores(server: ServeProcess, tmp_path: Path) -> None:
    file = tmp_path / "s.parquet"
    pq.write_table(
        pa.table(
            {
                "trace_id": [trace(1), trace(2)],
                "name": pa.array(["depth", "depth"]).dictionary_encode(),
                "score": pa.array([0.5, None], pa.float32()),
                "label": [None, "shallow"],
                "version": [3, 3],
                "evidence": [{"words": ["a"]}, None],
            }
        ),
        file,
    )

    done = run(server, file, "--json")

    assert json.loads(done.stdout) == {"rows": 2, "accepted": 2, "rejected": []}
    deep, shallow = stored(server, "depth")
    assert (deep["score"], deep["version"], deep["evidence"]) == (0.5, "3", {"words": ["a"]})
    assert (shallow["score"], shallow["label"]) == (None, "shallow")


def test_a_file_imported_twice_is_stored_once(server: ServeProcess, tmp_path: Path) -> None:
    rows = "".join(f"{trace(number)},again,0.5\n" for number in range(1, 501))
    file = write(tmp_path / "s.csv", "trace_id,name,score\n" + rows)

    assert run(server, file).exit_code == run(server, file).exit_code == 0

    assert len(stored(server, "again")) == 500


def test_a_later_version_of_an_evaluator_leaves_the_scores_of_an_older_one(
    server: ServeProcess, tmp_path: Path
) -> None:
    old = write(tmp_path / "old.csv", f"trace_id,name,score,version\n{trace(1)},kept,0.2,1\n")
    new = write(tmp_path / "new.csv", f"trace_id,name,score,version\n{trace(1)},kept,0.9,2\n")

    run(server, old)
    run(server, new)

    assert [(row["version"], row["score"]) for row in stored(server, "kept")] == [("1", 0.2), ("2", 0.9)]


def test_columns_of_another_name_are_named_set_and_skipped(server: ServeProcess, tmp_path: Path) -> None:
    file = write(tmp_path / "s.tsv", f"Trace\tQuality\tquestion\n{trace(1)}\t0.7\tHow long?\n")

    done = run(
        server, file, "--column", "trace_id=Trace", "--column", "score=Quality", "--set", "name=quality",
        "--set", "source=human", "--skip", "question",
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    (row,) = stored(server, "quality")
    assert (row["score"], row["source"]) == (0.7, "human")


def test_one_wrong_row_keeps_the_whole_file_out_and_each_is_named(
    server: ServeProcess, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "s.csv",
        f'trace_id,name,score,explanation\n{trace(1)},whole,0.5,"two\nlines"\n{trace(2)},whole,1.5,\nxyz,whole,0.5,\n'
        f"{trace(3)},whole,high,\n{trace(4)},whole,,\n{trace(1)},whole,0.6,\n{trace(5)},whole,nan,\n",
    )

    done = run(server, file)

    assert done.exit_code == 1
    said = done.stderr.splitlines()
    expected = [
        ("row 4", "score: Input should be less than or equal to 1, got 1.5"),
        ("row 5", "trace_id must be 32 hexadecimal digits, not all zero, got 'xyz'"),
        ("row 6", "score: Input should be a valid number, got 'high'"),
        ("row 7", "a score needs `score` or `label`, or a `status` that says why there is none"),
        ("row 8", "same trace, span, name, source, evaluator and version as row 2"),
        ("row 9", "score: Input should be a finite number"),
    ]
    for line, (row, complaint) in zip(said, expected, strict=False):
        assert f"{file}: {row}: " in line
        assert complaint in line
    assert said[-1] == "nothing was imported"
    assert stored(server, "whole") == []


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        pytest.param("trace_id,name,scoer", "column 'scoer' is no field of a score", id="typo"),
        pytest.param("trace_id,score", "no column for name", id="no-name"),
        pytest.param("trace_id,name,version", "no column for score, label or status", id="no-verdict"),
        pytest.param("trace_id,name,score,score", "column 'score' stands twice", id="twice"),
        pytest.param("trace_id,,score", "a column has no name", id="unnamed"),
        pytest.param("trace_id;name;score", "column 'trace_id;name;score' is no field", id="semicolons"),
    ],
)
def test_columns_that_do_not_say_what_they_hold_are_refused(
    tmp_path: Path, header: str, complaint: str
) -> None:
    cells = ",".join(["x"] * len(header.split(",")))
    file = write(tmp_path / "s.csv", f"{header}\n{cells}\n")

    with Client("http://127.0.0.1:9") as client, pytest.raises(CollectorError, match=complaint):
        import_scores(client, file, PLAIN, progress=lambda *_: None)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        pytest.param("s.csv", b"", "empty", id="empty"),
        pytest.param("s.csv", b"a,b\n1,2\n1\n", "row 3 has 1 cells, the header has 2 columns", id="short"),
        pytest.param("s.csv", b"a,b\n1,\xff\xfe\n", "not UTF-8", id="encoding"),
        pytest.param("s.csv", b'a,b\n1,"2\n3,4\n', "not CSV after row", id="open-quote"),
        pytest.param("s.parquet", b"PAR1 but no more", "not Parquet", id="parquet"),
        pytest.param("s.xlsx", b"", "must end in .csv, .tsv or .parquet", id="ending"),
        pytest.param("none.csv", None, "No such file", id="absent"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(TableFileError, match=complaint):
        list(read_rows(tmp_path / name))


def test_a_collector_that_is_away_says_how_far_it_came_and_what_to_do(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", f"trace_id,name,score\n{trace(1)},away,0.5\n")

    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(
            CollectorError, match=r"stopped before row 2, 0 of 1 rows stored: .*Run the command again"
        ),
    ):
        import_scores(client, file, PLAIN, progress=lambda *_: None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["import", "f.csv", "--set", "nmae=x"],
        ["import", "f.csv", "--column", "score"],
        ["--name", "x", "import", "f.csv"],
    ],
)
def test_misused_options_exit_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2
