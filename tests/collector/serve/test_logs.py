"""Log lines as programs read them."""

from __future__ import annotations

import json
import logging
import signal
import sys

from groundtrace_collector.logs import JsonFormatter
from tests.collector.conftest import ServeProcess


def test_a_line_is_one_object_with_its_exception_inside() -> None:
    try:
        int("no\nsuch")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "%s failed", ("a\nb",), sys.exc_info())

    line = JsonFormatter().format(record)

    assert "\n" not in line
    said = json.loads(line)
    assert (said["level"], said["logger"], said["message"]) == ("error", "x", "a\nb failed")
    assert said["at"].endswith("Z")
    assert "ValueError: invalid literal" in said["exception"]


def test_serve_logs_start_and_stop_as_json_and_nothing_as_sentences(serve: ServeProcess) -> None:
    serve.signal(signal.SIGTERM)
    assert serve.log() == ""

    serve.start("--log-format", "json")
    url = serve.url
    assert serve.signal(signal.SIGTERM) == 0

    lines = [json.loads(line) for line in serve.log().splitlines()]
    assert lines[0]["message"].startswith(f"answering at {url}, pid {lines[0]['pid']}")
    assert lines[-1]["message"] == "stopped"
    assert {line["level"] for line in lines} == {"info"}
