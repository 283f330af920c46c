"""Batches on disk: in order, bounded, private, sent by one process at a time and sooner or later all."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from groundtrace.errors import ConfigError
from groundtrace.resending import Outcome, Resender
from groundtrace.spool import Batch, Spool, SpoolSettings, spool_settings

DELIVERED = Outcome(result="delivered")
AWAY = Outcome(result="retry", reason="connection refused")


def spool_in(folder: Path, *, max_bytes: int = 1_000_000, max_age_s: float = 3_600) -> Spool:
    return Spool(SpoolSettings(folder=folder, max_bytes=max_bytes, max_age_s=max_age_s), "collector")


def bodies(spool: Spool) -> list[bytes]:
    return [batch.body for path in spool.waiting() if (batch := spool.read(path)) is not None]


# --- the files


def test_batches_come_back_as_they_were_and_in_order(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    for number, encoding in enumerate([None, "gzip", "deflate", None]):
        spool.put(b"%d" % number, encoding)

    again = spool_in(tmp_path)
    batches = [again.read(path) for path in again.waiting()]

    assert [(batch.body, batch.encoding) for batch in batches if batch] == [
        (b"0", None),
        (b"1", "gzip"),
        (b"2", "deflate"),
        (b"3", None),
    ]


def test_a_full_spool_drops_the_oldest(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, max_bytes=1_000)

    dropped = sum(spool.put(b"%03d" % number * 100, None) for number in range(10))

    assert bodies(spool) == [b"%03d" % number * 100 for number in (7, 8, 9)]
    assert dropped == 7


def test_what_is_too_old_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = spool_in(tmp_path, max_age_s=60)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 61 * 10**9)
    spool.put(b"old", None)
    (spool.folder / f"{time.time_ns():020d}-1-0.tmp").write_bytes(b"half")
    monkeypatch.setattr(time, "time_ns", lambda: now)
    spool.put(b"new", None)

    assert spool.sweep() == 1
    assert bodies(spool) == [b"new"]
    assert not list(spool.folder.glob("*.tmp"))


def test_what_another_key_left_behind_is_not_sent_but_swept_when_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SpoolSettings(folder=tmp_path, max_age_s=60)
    other = Spool(settings, "another key")
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 61 * 10**9)
    other.put(b"theirs", None)
    monkeypatch.setattr(time, "time_ns", lambda: now)
    ours = Spool(settings, "our key")

    assert ours.waiting() == []
    ours.sweep()
    assert other.waiting() == []


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    spool = spool_in(tmp_path / "spool")
    spool.put(b"private", None)

    assert spool.folder.stat().st_mode & 0o777 == 0o700
    assert spool.waiting()[0].stat().st_mode & 0o777 == 0o600


def test_one_process_sends_at_a_time_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from groundtrace.spool import Spool, SpoolSettings
with Spool(SpoolSettings(folder=Path({str(tmp_path)!r})), "collector").claim() as ours:
    print(ours, flush=True)
    time.sleep(60)
"""
    spool = spool_in(tmp_path)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with spool.claim() as ours:
            assert not ours
        other.send_signal(signal.SIGKILL)
        other.wait()

    with spool.claim() as ours:
        assert ours


def test_a_forked_child_does_not_keep_the_claim(tmp_path: Path) -> None:
    code = f"""
import os, time
from pathlib import Path
from groundtrace.spool import Spool, SpoolSettings
with Spool(SpoolSettings(folder=Path({str(tmp_path)!r})), "collector").claim() as ours:
    child = os.fork()
    if child == 0:
        time.sleep(60)
    print(child, flush=True)
    os._exit(0)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.wait()
    try:
        with spool_in(tmp_path).claim() as ours:
            assert ours
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param(
            {"GROUNDTRACE_SPOOL_MB": "much"},
            "GROUNDTRACE_SPOOL_MB must be a number above 0, got 'much'",
            id="mb",
        ),
        pytest.param(
            {"GROUNDTRACE_SPOOL_HOURS": "0"},
            "GROUNDTRACE_SPOOL_HOURS must be a number above 0, got '0'",
            id="hours",
        ),
        pytest.param(
            {"GROUNDTRACE_SPOOL": "/dev/null/x"},
            "GROUNDTRACE_SPOOL must be a folder that can be written, got '/dev/null/x'",
            id="folder",
        ),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(
    tmp_path: Path, environ: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        spool_settings({"GROUNDTRACE_SPOOL": str(tmp_path), **environ})

    assert str(error.value).startswith(message)


def test_the_spool_is_off_unless_a_folder_is_named(tmp_path: Path) -> None:
    assert spool_settings({}) is None
    assert spool_settings(
        {"GROUNDTRACE_SPOOL": str(tmp_path), "GROUNDTRACE_SPOOL_MB": "2", "GROUNDTRACE_SPOOL_HOURS": "0.5"}
    ) == SpoolSettings(folder=tmp_path, max_bytes=2 * 1024**2, max_age_s=1_800)


# --- sending


class Collector:
    """Takes batches in the resender's thread; ``answer`` says what comes of each."""

    def __init__(self, answer: Callable[[Batch], Outcome]) -> None:
        self.answer = answer
        self.taken: list[bytes] = []
        self.asked_at: list[float] = []

    def build(self) -> Callable[[Batch], Outcome]:
        def send(batch: Batch) -> Outcome:
            assert threading.current_thread().name == "groundtrace-spool"
            self.asked_at.append(time.monotonic())
            outcome = self.answer(batch)
            if outcome.result == "delivered":
                self.taken.append(batch.body)
            return outcome

        return send


@pytest.fixture
def resending(tmp_path: Path) -> Iterator[Callable[[Callable[[Batch], Outcome]], tuple[Resender, Collector]]]:
    made = []

    def make(answer: Callable[[Batch], Outcome]) -> tuple[Resender, Collector]:
        collector = Collector(answer)
        resender = Resender(spool_in(tmp_path, max_bytes=1_000), collector.build, "http://collector")
        made.append(resender)
        return resender, collector

    yield make
    for resender in made:
        resender.stop()


Resending = Callable[[Callable[[Batch], Outcome]], tuple[Resender, Collector]]


def test_batches_wait_out_an_outage_and_are_sent_the_oldest_first_four_at_a_time(
    resending: Resending,
) -> None:
    answers = iter([AWAY, AWAY])
    resender, collector = resending(lambda _: next(answers, DELIVERED))

    for number in range(9):
        resender.keep(b"%d" % number, None, "connection refused")
    deadline = time.monotonic() + 10
    while resender.waiting and time.monotonic() < deadline:
        time.sleep(0.02)

    taken = b"".join(collector.taken)
    assert [taken[:1], sorted(taken[1:5]), sorted(taken[5:])] == [b"0", list(b"1234"), list(b"5678")]
    assert not resender.waiting
    first, second, third = collector.asked_at[:3]
    assert 0.3 < second - first < third - second, "each wait is longer, and one attempt is enough to know"


def test_draining_ends_at_once_while_the_collector_is_away(resending: Resending) -> None:
    resender, collector = resending(lambda _: AWAY)
    resender.keep(b"kept", None, "connection refused")
    began = time.monotonic()

    assert not resender.drain(30)
    assert time.monotonic() - began < 5

    collector.answer = lambda _: DELIVERED
    assert resender.drain(30)
    assert collector.taken == [b"kept"]


def test_what_the_collector_refuses_is_dropped_and_said_once(
    resending: Resending, caplog: pytest.LogCaptureFixture
) -> None:
    away = iter([AWAY])
    refused = Outcome(result="refused", reason="HTTP 400")
    resender, collector = resending(lambda batch: next(away, DELIVERED if batch.body == b"good" else refused))
    caplog.set_level(logging.INFO)
    for body in (b"bad", b"good", b"worse"):
        resender.keep(body, None, "HTTP 503")

    # The one attempt that meets the outage ends a drain that has begun before it.
    assert resender.drain(10) or resender.drain(10)
    assert collector.taken == [b"good"]
    words = [record.getMessage() for record in caplog.records]
    assert [word for word in words if "no spans reach" in word] == [words[0]]
    assert len([word for word in words if "refuses spans of the spool (HTTP 400)" in word]) == 1
    assert words[-1].endswith("batches delivered late: 1, refused: 2, dropped: 0")


def test_a_collector_that_is_slower_than_the_app_is_no_outage(
    resending: Resending, caplog: pytest.LogCaptureFixture
) -> None:
    resender, collector = resending(lambda _: DELIVERED)
    resender.behind = True
    assert resender.waiting

    resender.keep(b"more", None, None)
    resender.behind = False

    assert resender.drain(10)
    assert collector.taken == [b"more"]
    assert not caplog.records


def test_an_outage_that_the_resender_meets_is_said_once_too(
    resending: Resending, caplog: pytest.LogCaptureFixture
) -> None:
    resender, _ = resending(lambda _: AWAY)
    resender.keep(b"kept", None, None)

    assert not resender.drain(10)
    assert not resender.drain(10)
    (record,) = caplog.records
    assert "no spans reach the collector at http://collector (connection refused)" in record.getMessage()


def test_a_full_spool_is_said_once_an_outage(resending: Resending, caplog: pytest.LogCaptureFixture) -> None:
    resender, collector = resending(lambda _: AWAY)
    for number in range(10):
        resender.keep(b"%03d" % number * 100, None, "connection refused")

    assert len([record for record in caplog.records if "is full; the oldest" in record.getMessage()]) == 1

    collector.answer = lambda _: DELIVERED
    assert resender.drain(10)
    assert sorted(collector.taken) == [b"%03d" % number * 100 for number in (7, 8, 9)]


def test_what_an_earlier_process_left_is_sent_without_a_new_batch(
    tmp_path: Path, resending: Resending
) -> None:
    spool_in(tmp_path).put(b"left", None)
    resender, collector = resending(lambda _: DELIVERED)

    resender.resume()

    assert resender.drain(10)
    assert collector.taken == [b"left"]


def test_a_stopped_resender_leaves_what_waits(tmp_path: Path, resending: Resending) -> None:
    resender, _ = resending(lambda _: AWAY)
    resender.keep(b"kept", None, "connection refused")
    resender.stop()

    assert not resender.drain(1)
    assert bodies(spool_in(tmp_path)) == [b"kept"]
