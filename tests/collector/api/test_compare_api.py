"""GET /api/v1/cohorts and /api/v1/compare: parameters and shapes; and the commands that read the API."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from click.testing import CliRunner, Result

from groundtrace_collector.commands.cohorts import command as cohorts_command
from tests.collector.otlp import otlp_request
from tests.collector.rows import trace, trace_id

if TYPE_CHECKING:
    from groundtrace_collector.collector import Collector
    from tests.collector.conftest import ServeProcess

VALUE = {"value", "low", "high", "n"}
BY_FAMILY = {
    "by": "encoder",
    "base": "A",
    "candidate": "B",
    "cohort": "metadata.doc_family",
    "metrics": "error_rate",
}


async def test_a_cohort_table_has_the_shape_of_the_contract(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    await collector.store.insert("traces", [trace("a", Encoder="m", Metadata={"doc_family": "billing"})])
    params = {
        "by": "metadata.doc_family",
        "metrics": "traces,error_rate",
        "where": "encoder = 'm'",
        "since": "2026-01-01",
    }

    found = (await client.get("/api/v1/cohorts", params=params)).json()

    assert found["by"] == "metadata.doc_family"
    (cohort,) = found["cohorts"]
    assert cohort["key"] == "billing"
    assert cohort["metrics"]["traces"] == {"value": 1.0, "low": None, "high": None, "n": 1}
    assert set(cohort["metrics"]["error_rate"]) == VALUE


async def test_a_comparison_has_the_shape_of_the_contract(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    rows = [
        trace(f"{side}{n}", Encoder=side, QueryHash=n + 1, Metadata={"doc_family": "billing"})
        for side in "AB"
        for n in range(20)
    ]
    await collector.store.insert("traces", rows)
    found = (await client.get("/api/v1/compare", params=BY_FAMILY)).json()

    assert (found["by"], found["base"], found["candidate"]) == ("encoder", "A", "B")
    assert [cohort["key"] for cohort in found["cohorts"]] == ["*", "billing"]
    for cohort in found["cohorts"]:
        each = cohort["metrics"]["error_rate"]
        assert set(each["base"]) == set(each["candidate"]) == set(each["difference"]) == VALUE
        assert (each["paired"], each["verdict"]) == (True, "no difference")


async def test_the_whole_alone_has_parts(client: httpx.AsyncClient, collector: Collector) -> None:
    rows = [
        trace(f"{side}{n}", Encoder=side, Metadata={"doc_family": "ab"[n % 2]})
        for side in "AB"
        for n in range(40)
    ]
    await collector.store.insert("traces", rows)
    found = (await client.get("/api/v1/compare", params=BY_FAMILY)).json()["cohorts"]

    whole, *families = (cohort["metrics"]["error_rate"] for cohort in found)
    assert set(whole["parts"]) == {"quality", "mix"}
    assert set(whole["parts"]["quality"]) == set(whole["parts"]["mix"]) == VALUE
    assert all("parts" not in each for each in families)


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("cohorts", {"by": "encoder", "metrics": "nonsense"}, "unknown_metric"),
        ("cohorts", {"by": "nonsense", "metrics": "traces"}, "unknown_dimension"),
        ("cohorts", {"by": "encoder", "metrics": "traces", "limit": "0"}, "invalid_limit"),
        ("cohorts", {"by": "encoder", "metrics": "traces", "where": "x ="}, "invalid_where"),
        (
            "compare",
            {"by": "encoder", "base": "A", "candidate": "A", "metrics": "traces"},
            "invalid_comparison",
        ),
        (
            "compare",
            {"by": "encoder", "base": "A", "candidate": "B", "metrics": "traces", "since": "x"},
            "invalid_time",
        ),
    ],
)
async def test_a_wrong_parameter_is_a_400_with_its_code(
    client: httpx.AsyncClient, path: str, params: dict[str, str], code: str
) -> None:
    answer = await client.get(f"/api/v1/{path}", params=params)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def _groundtrace(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "groundtrace_collector.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def filled(serve: ServeProcess) -> str:
    """The URL of a real collector with a trace, its score, and a trace of another name and family."""
    one = trace_id("cli")
    attributes = {"input.value": "what is due?\x1b[31m", "metadata": '{"doc_family": "billing"}'}
    spans = [{"trace_id": one, "span_id": "1" * 16, "name": "ask", "kind": "CHAIN", "attributes": attributes}]
    other = {
        "trace_id": trace_id("other"),
        "name": "look",
        "attributes": {"metadata": '{"doc_family": "hr"}'},
    }
    spans.append({**spans[0], **other})
    headers = {"content-type": "application/x-protobuf"}
    httpx.post(f"{serve.url}/v1/traces", content=otlp_request(spans), headers=headers).raise_for_status()
    body = {"scores": [{"trace_id": one, "name": "polite", "score": 0.5}]}
    httpx.post(f"{serve.url}/api/v1/scores", json=body).raise_for_status()
    deadline = time.monotonic() + 20
    while len(httpx.get(f"{serve.url}/api/v1/traces").json()["traces"]) < 2:
        assert time.monotonic() < deadline, "the traces were never listed"
        time.sleep(0.1)
    return serve.url


def test_each_read_command_prints_the_apis_json_and_a_table(filled: str) -> None:
    one = trace_id("cli")
    by_family = ("--metrics", "error_rate", "--cohort", "metadata.doc_family")
    commands: list[tuple[list[str], str, str]] = [
        (["traces", "--where", "name = 'ask'"], "/api/v1/traces?where=name = 'ask'", f"\t{one}\t"),
        (["trace", one], f"/api/v1/traces/{one}", "CHAIN\task\t"),
        (["scores", "--name", "polite"], "/api/v1/scores?name=polite", "\tpolite\t0.5\t"),
        (
            ["cohorts", "--by", "metadata.doc_family", "--metrics", "traces,score:polite"],
            "/api/v1/cohorts?by=metadata.doc_family&metrics=traces,score:polite",
            "billing\t1\tinsufficient data (0.5, n 1)",
        ),
        (
            ["compare", "--by", "name", "--base", "ask", "--candidate", "x", "--metrics", "error_rate"],
            "/api/v1/compare?by=name&base=ask&candidate=x&metrics=error_rate",
            "insufficient data",
        ),
        (
            ["compare", "--by", "name", "--base", "ask", "--candidate", "look", *by_family],
            "/api/v1/compare?by=name&base=ask&candidate=look&metrics=error_rate&cohort=metadata.doc_family",
            "*\terror_rate, mix\t\t\t0\t",
        ),
    ]
    for arguments, path, words in commands:
        as_json = _groundtrace(*arguments, "--url", filled, "--json")
        table = _groundtrace(*arguments, "--url", filled)

        expected: Any = httpx.get(f"{filled}{path}").json()
        assert (as_json.returncode, as_json.stderr, json.loads(as_json.stdout)) == (0, "", expected)
        assert table.returncode == 0
        assert ("no trace here has name 'x'" in table.stderr) is ("x" in arguments)
        assert words in table.stdout
        assert "\x1b" not in table.stdout, "a trace's text must not steer the terminal"


def test_a_cohort_is_saved_used_listed_and_forgotten(filled: str) -> None:
    def cohorts(*arguments: str) -> Result:
        return CliRunner().invoke(cohorts_command, [*arguments, "--url", filled])

    asked = ("--by", "name", "--metrics", "traces", "--cohort", "asked")

    saved = cohorts("save", "asked", "name = 'ask'")
    used = cohorts(*asked, "--json")
    listed = cohorts("saved")
    misspelt = cohorts("--by", "metadata.famly", "--metrics", "traces,score:plite")
    wrong = cohorts("save", "asked", "nam = 'ask'")
    forgotten = cohorts("forget", "asked")
    unknown = cohorts(*asked)

    assert (saved.exit_code, saved.stderr) == (0, "cohort asked is saved: name = 'ask'\n")
    assert [each["key"] for each in json.loads(used.stdout)["cohorts"]] == ["ask"]
    assert "asked\tname = 'ask'\t" in listed.stdout
    assert "unknown field 'nam'" in str(wrong.exception)
    assert misspelt.stderr.splitlines() == [
        "no trace here has metadata.famly",
        "no trace here has what score:plite is made of",
    ]
    assert (forgotten.exit_code, forgotten.stderr) == (0, "cohort asked is forgotten\n")
    assert "`groundtrace cohorts save NAME EXPRESSION` saves one" in str(unknown.exception)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--by", "encoder"), "Missing option '--metrics'"),
        (("--metrics", "traces"), "Missing option '--by'"),
        (("--by", "encoder", "saved"), "options of saved go after it"),
        (("save", "german"), "Missing argument 'EXPRESSION'"),
    ],
)
def test_a_cohorts_command_that_lacks_something_says_what(arguments: tuple[str, ...], says: str) -> None:
    done = CliRunner().invoke(cohorts_command, [*arguments])

    assert (done.exit_code, says in done.output) == (2, True)


def test_a_refusal_of_the_api_is_one_line_and_exit_1(filled: str) -> None:
    done = _groundtrace("cohorts", "--by", "encoder", "--metrics", "trces", "--url", filled)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("groundtrace: unknown metric 'trces'; did you mean traces?")
    assert done.stderr.count("\n") == 1
