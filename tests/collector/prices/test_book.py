"""The price file of the user is followed, and a bad one is never taken."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from groundtrace_collector.errors import ConfigError
from groundtrace_collector.prices.book import PriceBook
from groundtrace_collector.prices.table import Usage


def price(book: PriceBook, model: str) -> float | None:
    return book.now().cost_usd(model, 2**62, Usage(prompt=1_000_000, completion=0), is_llm=True)


def test_a_file_is_asked_before_the_defaults_and_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("model,input,output\ngpt-4o,1.25,5\n")
    book = PriceBook(file)
    first = price(book, "gpt-4o"), price(book, "gpt-4o-mini"), price(book, "mine")

    file.write_text("model,input,output\ngpt-4o,1.25,5\nmine,3,3\n")

    assert first == (1.25, 0.15, None)
    assert price(book, "mine") == 3.0


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text("model,input,output\nm,x,1\n")])
def test_a_file_that_turns_bad_is_said_once_and_the_earlier_prices_stand(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: object
) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("model,input,output\nmine,3,3\n")
    book = PriceBook(file)
    assert callable(spoil)
    spoil(file)

    with caplog.at_level(logging.ERROR):
        found = [price(book, "mine") for _ in range(3)]

    assert found == [3.0] * 3
    (said,) = caplog.messages
    assert said.startswith(f"prices: {file}")
    assert said.endswith("; the earlier prices stand")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="none"),
        pytest.param(b"\xff\xfe", "cannot be read: 'utf-8' codec", id="not-utf-8"),
        pytest.param(b"\xef\xbb\xbfmodel,input,output\nm,1,y\n", "line 2: output must be", id="a-mistake"),
    ],
)
def test_a_bad_file_at_the_start_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "prices.csv"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match=message):
        PriceBook(file)


def test_serve_with_a_bad_price_file_says_so_in_one_line_and_exits_1(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("model,input,output\nmine,cheap,1\n")
    done = subprocess.run(
        [sys.executable, "-m", "groundtrace_collector.cli", "serve", "--port", "0", "--no-grpc", "--no-worker",
         "--store", f"chdb://{tmp_path}/store", "--prices", str(file)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"groundtrace: prices: {file}, line 2: input must be US dollars for a million tokens, such as 2.50, "
        "got 'cheap'\n"
    )
