"""``opentelemetry-instrument python app.py`` is ``groundtrace.instrument()`` without touching the app."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from groundtrace.integrations import foreign_integrations
from tests.integrations.provider_stub import serving
from tests.sdk.conftest import StubCollector, attributes_of

APP = """
import sys
if "by-hand" in sys.argv:
    import groundtrace
    groundtrace.instrument()

import openai
from langchain_core.runnables import RunnableLambda

client = openai.OpenAI(api_key="sk-test", base_url=sys.argv[1])
messages = [{"role": "user", "content": "Mail ada@example.org!"}]

def ask(_):
    return client.chat.completions.create(model="gpt", messages=messages).choices[0].message.content

print(RunnableLambda(ask).invoke("go"))
"""
Told = list[tuple[str, str, dict[str, object]]]


def told(otlp: StubCollector) -> Told:
    """Scope, name and attributes of what arrived, but for times."""
    return sorted(
        (scope.scope.name, span.name, attributes_of(span.attributes))
        for request in otlp.traces()
        for resource in request.export.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    )


def run(command: list[str], otlp: StubCollector, tmp_path: Path, **environ: str) -> Told:
    app = tmp_path / "app.py"
    app.write_text(APP)
    otlp.received.clear()
    with serving() as provider:
        done = subprocess.run(
            [*command, str(app), provider.url, *(["by-hand"] if command == [sys.executable] else [])],
            env={
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url,
                "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(foreign_integrations()),
                "GROUNDTRACE_PROJECT": "zero",
                "GROUNDTRACE_REDACT": "patterns",
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Bern is the seat of the Swiss government.\n"
    assert otlp.resource()["openinference.project.name"] == "zero"
    return told(otlp)


@pytest.fixture
def command() -> list[str]:
    return [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable]


def test_the_command_gives_the_same_spans_as_the_one_line(
    otlp: StubCollector, command: list[str], tmp_path: Path
) -> None:
    by_command = run(command, otlp, tmp_path)
    by_hand = run([sys.executable], otlp, tmp_path)

    assert [name for _, name, _ in by_command] == ["ask", "ChatCompletion"]
    assert by_command == by_hand
    assert by_command[1][2]["llm.input_messages.0.message.content"] == "Mail [email]!"


def test_an_integration_is_switched_off_by_name(
    otlp: StubCollector, command: list[str], tmp_path: Path
) -> None:
    disabled = ",".join([*foreign_integrations(), "groundtrace-langchain"])
    spans = run(command, otlp, tmp_path, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=disabled)

    assert [name for _, name, _ in spans] == ["ChatCompletion"]
