"""Kills and stops under load: what was acknowledged is there, and there once."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.collector.conftest import ServeProcess
from tests.collector.verify.load import Load, audit
from tests.collector.verify.report import report

SYNC_AFTER_S = 10.0  # segments are deleted by then: kills around it find a store with none, or half of them


@pytest.mark.verify  # its short form is in serve/test_serve.py
@pytest.mark.timeout(1_200)
def test_kill_9_at_any_moment_loses_nothing_and_stores_nothing_twice(server: ServeProcess) -> None:
    kills = 20
    rng = random.Random()  # noqa: S311  (the moments are the machine's anyway)
    moments_s = [SYNC_AFTER_S + rng.random() if n % 5 == 4 else rng.uniform(0.05, 4.0) for n in range(kills)]
    began = time.monotonic()
    server.start()
    with Load(server) as load:
        for moment_s in moments_s:
            time.sleep(moment_s)
            server.signal(signal.SIGKILL)
            server.start()
        time.sleep(1)
    assert server.signal(signal.SIGTERM) == 0, server.log()

    figures = audit(server, load)
    report(
        f"kill -9: {kills} kills, {figures}, answers {dict(load.answers)}, {time.monotonic() - began:.0f} s"
    )
    assert load.requests > kills


@pytest.mark.verify  # its short form is in serve/test_serve.py
@pytest.mark.timeout(600)
def test_sigterm_under_load_ends_with_0_and_loses_nothing(server: ServeProcess) -> None:
    stops = 8
    began = time.monotonic()
    slowest_s = 0.0
    server.start()
    with Load(server) as load:
        for _ in range(stops):
            time.sleep(1)
            stopped = time.monotonic()
            assert server.signal(signal.SIGTERM) == 0, server.log()
            slowest_s = max(slowest_s, time.monotonic() - stopped)
            assert not list((server.store / "segments").iterdir()), "a stop leaves nothing to replay"
            server.start()
    assert server.signal(signal.SIGTERM) == 0, server.log()

    figures = audit(server, load)
    report(
        f"SIGTERM: {stops} stops, the slowest {slowest_s:.1f} s, {figures}, answers {dict(load.answers)}, "
        f"{time.monotonic() - began:.0f} s"
    )
