"""Datasets as files: every format reads back what was written, and says where it is wrong."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundtrace_collector.datasets.files import DatasetFileError, read_rows, write_rows
from groundtrace_collector.datasets.row import Row
from groundtrace_collector.errors import CollectorError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
words = texts.filter(bool)
rows = st.builds(
    Row,
    id=st.just("") | words,
    query=texts.filter(str.strip),
    positive_chunk=st.none() | texts,
    hard_negative_chunk=st.none() | texts,
    embedding_model_version=st.none() | texts,
    expected_answer=st.none() | texts,
    positive_ids=st.lists(words, max_size=3).map(tuple),
    metadata=st.dictionaries(words, words, max_size=3),
    trace_id=st.none() | texts,
    intent=st.none() | texts,
    created_at=st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "parquet"])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(written=st.lists(rows, max_size=4))
def test_what_is_written_reads_back_as_it_was(written: list[Row], ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{ending}"

    assert write_rows(path, iter(written)) == len(written)

    assert list(read_rows(path)) == written


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(
            "r.jsonl",
            '\ufeff{"query": "a", "positive_ids": ["x"], "metadata": {"page": 2, "new": true, "none": null}}\n\n',
            id="jsonl",
        ),
        pytest.param("r.csv", 'query,positive_ids,metadata\na,x,"{""page"": 2, ""new"": true}"\n', id="csv"),
        pytest.param(
            "r.csv", 'query,positive_ids,metadata.page,metadata.new\na,"[""x""]",2,true\n', id="csv-columns"
        ),
        pytest.param("r.tsv", "query\tpositive_ids\tmetadata.page\tmetadata.new\na\tx\t2\ttrue\n", id="tsv"),
    ],
)
def test_a_file_by_hand_may_say_it_shortly(name: str, text: str, tmp_path: Path) -> None:
    (row,) = read_rows(write(tmp_path / name, text))

    assert row == Row(query="a", positive_ids=("x",), metadata={"page": "2", "new": "true"})


def test_parquet_of_others_may_hold_structs_and_numbers(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    table = {"query": ["a", "b"], "positive_ids": [["x"], None], "metadata": [{"page": 2}, {"page": None}]}
    pq.write_table(pa.table(table), path)

    assert list(read_rows(path)) == [
        Row(query="a", positive_ids=("x",), metadata={"page": "2"}),
        Row(query="b"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("r.txt", "", "the name must end in .jsonl, .csv, .tsv, .parquet, got '.txt'", id="ending"),
        pytest.param("r.jsonl", '{"query": "a"}\n{"query": ', "row 2: not JSON in UTF-8", id="cut JSON"),
        pytest.param("r.jsonl", "[1]\n", "row 1: an object of fields is needed, got [1]", id="no object"),
        pytest.param("r.jsonl", '{"query": "a"}\n{"query": 5}', "row 2: query: Input should be a", id="number"),
        pytest.param("r.jsonl", '{"query": "\\ud800"}', "row 1: query: ", id="half a character"),
        pytest.param("r.jsonl", '{"query": "a", "created_at": "soon"}', "row 1: created_at: ", id="no time"),
        pytest.param("r.csv", "query,language\na,de\n", "row 2: language: no field of a row", id="unknown column"),
        pytest.param("r.csv", "positive_chunk\nx\n", "row 2: query: missing", id="no query"),
        pytest.param(
            "r.csv", "query;expected_answer\nx;y\n", "row 2: query;expected_answer: no field of a row", id="semicolons"
        ),
        pytest.param("r.csv", "query,positive_ids\na,[x\n", "row 2: positive_ids: neither a JSON list", id="no list"),
        pytest.param("r.csv", "query,metadata\na,de\n", "row 2: metadata: not a JSON object, got 'de'", id="no map"),
        pytest.param("r.csv", "query\na\nb,c\n", "row 3 has 2 cells", id="ragged"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_row_field_and_value(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / name, text)

    with pytest.raises(CollectorError) as caught:
        list(read_rows(path))

    assert str(caught.value).startswith(f"{path}: {message}")


def test_rows_come_one_by_one(tmp_path: Path) -> None:
    good = "".join(json.dumps({"query": f"q{number}"}) + "\n" for number in range(100))
    path = write(tmp_path / "r.jsonl", good + "broken\n")
    found = read_rows(path)

    assert [next(found).query for _ in range(100)] == [f"q{number}" for number in range(100)]
    with pytest.raises(DatasetFileError, match="row 101"):
        next(found)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_file_is_replaced_whole_or_not_at_all(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"r.{ending}"
    write_rows(path, [Row(query="before")])

    def failing() -> Any:
        yield Row(query="after")
        raise RuntimeError("the collector went away")

    with pytest.raises(RuntimeError):
        write_rows(path, failing())

    assert [row.query for row in read_rows(path)] == ["before"]
    assert list(tmp_path.iterdir()) == [path]


def test_parquet_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "r.parquet"

    with pytest.raises(MissingExtraError, match=r"groundtrace\[parquet\]"):
        write_rows(path, [Row(query="a")])
    with pytest.raises(MissingExtraError, match=r"groundtrace\[parquet\]"):
        list(read_rows(path))


def test_an_id_is_the_hash_of_what_the_row_asks_and_not_of_where_it_is_from() -> None:
    row = Row(query="a", positive_ids=("x",))

    assert Row(query="a", positive_ids=("x",), metadata={"k": "v"}, source="jane").id == row.id
    assert Row(query="a", positive_ids=("y",)).id != row.id
    assert Row(query="a", positive_ids=("x",), embedding_model_version="m@2").id != row.id
    assert Row(id="mine", query="a").id == "mine"


def test_the_digest_tells_rows_apart_by_all_but_when_they_were_made() -> None:
    row = Row(query="a")

    assert Row(query="a", created_at=datetime(2026, 1, 1, tzinfo=UTC)).digest == row.digest
    assert Row(query="a", metadata={"k": "v"}).digest != row.digest
