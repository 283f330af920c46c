"""Feedback is posted beside the app."""

import json
import logging
import time
from collections.abc import Callable

import pytest

import groundtrace
from groundtrace.background import Background
from groundtrace.feedback import drain_feedback
from tests.sdk.conftest import Ended, StubCollector


def test_feedback_reaches_the_collector(otlp: StubCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDTRACE_URL", otlp.url)
    otlp.answer = b"{}"

    groundtrace.feedback("a" * 32, "thumbs", -1, comment="wrong policy")

    assert drain_feedback(10)
    (request,) = otlp.received
    assert request.path == "/api/v1/feedback"
    assert json.loads(request.body) == {
        "trace_id": "a" * 32,
        "name": "thumbs",
        "value": -1,
        "comment": "wrong policy",
    }


def test_an_outage_is_logged_once_and_never_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, otlp: StubCollector
) -> None:
    monkeypatch.setenv("GROUNDTRACE_URL", "http://127.0.0.1:9")

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            groundtrace.feedback("a" * 32, "thumbs", 1)
        assert not drain_feedback(10)

    assert len(caplog.records) == 1
    assert "feedback is lost: no collector answers at http://127.0.0.1:9" in caplog.text

    monkeypatch.setenv("GROUNDTRACE_URL", otlp.url)
    otlp.answer = b"{}"
    groundtrace.feedback("a" * 32, "thumbs", 1)
    assert drain_feedback(10)


def test_feedback_follows_instrument_and_is_sent_at_exit(
    otlp: StubCollector, run_app: Callable[..., Ended]
) -> None:
    otlp.answer = b"{}"
    ended = run_app(f"""
        import groundtrace
        groundtrace.instrument({otlp.url!r}, api_key="k-1", only=[])
        with groundtrace.chain():
            trace_id = groundtrace.current_trace_id()
        groundtrace.feedback(trace_id, "failure_label", "wrong document")
        print(trace_id)
    """)

    assert ended.stderr == ""
    (request,) = [request for request in otlp.received if request.path == "/api/v1/feedback"]
    body = json.loads(request.body)
    assert (body["trace_id"], body["value"]) == (ended.stdout.strip(), "wrong document")
    assert request.headers["authorization"] == "Bearer k-1"
    assert [span.trace_id.hex() for span in otlp.spans()] == [body["trace_id"]]


def test_feedback_forgets_the_collector_of_instrument_after_uninstrument(
    otlp: StubCollector, run_app: Callable[..., Ended]
) -> None:
    otlp.answer = b"{}"
    run_app(
        """
        import groundtrace
        groundtrace.instrument("http://127.0.0.1:9", api_key="k-1", only=[])
        groundtrace.uninstrument()
        groundtrace.feedback("a" * 32, "thumbs", 1)
        groundtrace.flush()
        """,
        GROUNDTRACE_URL=otlp.url,
    )

    (request,) = otlp.received
    assert request.path == "/api/v1/feedback"
    assert "authorization" not in request.headers


def test_background_jobs_run_in_order_and_survive_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    background = Background("test")

    background.submit(lambda: done.append(1))
    background.submit(lambda: 1 / 0)
    background.submit(lambda: done.append(2))

    assert background.drain(5)
    assert done == [1, 2]
    assert "test: a job failed" in caplog.text


def test_a_full_background_drops_and_never_blocks() -> None:
    background = Background("test", max_pending=1)

    results = [background.submit(lambda: time.sleep(0.2)) for _ in range(5)]

    assert False in results
    assert not background.drain(0.01)
    assert background.drain(5)
