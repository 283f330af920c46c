"""What leaves the process was redacted, whoever wrote it: exceptions, and spans of other instrumentors."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sdk.conftest import StubCollector, attributes_of

APP = """
    import groundtrace
    from opentelemetry import trace
    groundtrace.instrument({url!r}, redact={redact})
    with groundtrace.chain("own") as step:
        step.set_input("ada@example.org")
    try:
        with groundtrace.chain("failing"):
            raise ValueError("no such user: ada@example.org")
    except ValueError:
        pass
    with trace.get_tracer("theirs").start_as_current_span("foreign") as span:
        span.set_attributes({{"to": "ada@example.org", "all": ["ada@example.org"], "count": 3}})
        span.add_event("sent", {{"to": "ada@example.org"}})
"""


def test_no_text_leaves_unredacted(otlp: StubCollector, run_app: Callable[..., Any]) -> None:
    run_app(APP.format(url=otlp.url, redact="'patterns'"))

    (request,) = otlp.traces()
    assert b"ada@example.org" not in request.export.SerializeToString()
    spans = {span.name: span for span in otlp.spans()}
    assert attributes_of(spans["foreign"].attributes) == {"to": "[email]", "all": ["[email]"], "count": 3}
    assert attributes_of(spans["foreign"].events[0].attributes) == {"to": "[email]"}
    assert spans["failing"].status.message == "ValueError: no such user: [email]"
    (exception,) = spans["failing"].events
    assert attributes_of(exception.attributes)["exception.message"] == "no such user: [email]"
    assert attributes_of(spans["own"].attributes)["input.value"] == "[email]"


@pytest.mark.parametrize("redact", ["None", "()"])
def test_without_redaction_spans_leave_as_they_are(
    otlp: StubCollector, run_app: Callable[..., Any], redact: str
) -> None:
    run_app(APP.format(url=otlp.url, redact=redact))

    (request,) = otlp.traces()
    assert request.export.SerializeToString().count(b"ada@example.org") >= 5


def test_a_redactor_sees_each_text_of_our_own_once(otlp: StubCollector, run_app: Callable[..., Any]) -> None:
    run_app(APP.format(url=otlp.url, redact="lambda text: text + '!'"))

    (own,) = [span for span in otlp.spans() if span.name == "own"]
    assert attributes_of(own.attributes)["input.value"] == "ada@example.org!"
