"""`groundtrace gate` over real traces in a real collector, the example's own file included."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from click.testing import CliRunner

from groundtrace import Client
from groundtrace_collector.commands.gate import command
from tests.collector.conftest import ServeProcess
from tests.collector.otlp import otlp_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

EXAMPLE = Path(__file__).parents[3] / "examples" / "gate" / "gate.toml"
QUESTIONS = 40
FOUND = {  # how many of a family's 40 questions find their document
    ("hash@1", "billing"): 38,
    ("lsa@2", "billing"): 14,
    ("hash@1", "legal"): 8,
    ("lsa@2", "legal"): 36,
    ("hash@1", "hr"): 10,
    ("lsa@2", "hr"): 34,
}


def _trace(number: int, encoder: str, family: str, question: int, *, finds: bool) -> list[dict[str, Any]]:
    """A question through encoder and retriever, as an instrumented app sends it."""
    trace_id, (model, version), start_ns = f"{number:032x}", encoder.split("@"), time.time_ns()
    root, row = f"{3 * number:016x}", f"{family}-{question}"
    return [
        {
            "trace_id": trace_id, "span_id": root, "name": "ask", "kind": "CHAIN",
            "start_ns": start_ns,
            "attributes": {
                "metadata": json.dumps({"doc_family": family, "ticket": str(number)}),
                "input.value": f"question {row}",
                "groundtrace.dataset.row": row,
                "groundtrace.gold.document_ids": ["gold"],
            },
        },
        {
            "trace_id": trace_id, "span_id": f"{3 * number + 1:016x}", "parent_span_id": root, "kind": "EMBEDDING",
            "start_ns": start_ns + 1_000_000,
            "attributes": {"embedding.model_name": model, "embedding.model_version": version},
        },
        {
            "trace_id": trace_id, "span_id": f"{3 * number + 2:016x}", "parent_span_id": root, "kind": "RETRIEVER",
            "start_ns": start_ns + 3_000_000,  # after the embedding
            "attributes": {
                "retrieval.documents.0.document.id": "gold" if finds else "other",
                "retrieval.documents.0.document.score": 0.75,
                "retrieval.documents.1.document.id": "another",
                "retrieval.documents.1.document.score": 0.5,
            },
        },
    ]  # fmt: skip


def _spans() -> list[dict[str, Any]]:
    asked = [(encoder, family, question) for encoder, family in FOUND for question in range(QUESTIONS)]
    return [
        span
        for number, (encoder, family, question) in enumerate(asked, 1)
        for span in _trace(number, encoder, family, question, finds=question < FOUND[encoder, family])
    ]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A collector with the traces of two encoders: lsa@2 is better on average and worse on billing."""
    folder = tmp_path_factory.mktemp("gate")
    process = ServeProcess(folder / "store", folder / "serve.log")
    try:
        process.start()
        body = gzip.compress(otlp_request(_spans(), resource={"openinference.project.name": "demo"}))
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        httpx.post(f"{process.url}/v1/traces", content=body, headers=headers).raise_for_status()
        deadline = time.monotonic() + 30
        while httpx.get(f"{process.url}/api/v1/traces/count").json()["traces"] < len(FOUND) * QUESTIONS:
            assert time.monotonic() < deadline, process.log()
            time.sleep(0.1)
        yield process.url
    finally:
        process.stop()


def _gate(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments])


def test_better_on_average_and_worse_on_billing_fails_and_names_billing(url: str, tmp_path: Path) -> None:
    reports = tmp_path / "gate.md", tmp_path / "gate.xml"

    done = _gate(EXAMPLE, "--url", url, "--json", "--markdown", reports[0], "--junit", reports[1])

    found = json.loads(done.stdout)
    whole = next(check for check in found["checks"] if check["cohort"] == "*")
    assert (done.exit_code, done.stderr) == (1, "")
    assert (found["passed"], found["failed_cohorts"]) == (False, ["billing"])
    assert (whole["outcome"], whole["paired"]) == ("pass", True)
    assert whole["difference"]["value"] == pytest.approx((14 + 36 + 34 - 38 - 8 - 10) / 120)
    assert "**FAIL in billing" in reports[0].read_text(encoding="utf-8")
    assert ET.parse(reports[1]).getroot().get("failures") == "1"  # noqa: S314  (our own)


def test_the_text_names_the_family_and_a_gate_without_it_passes(url: str, tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(
        EXAMPLE.read_text(encoding="utf-8").replace("'demo'", "'demo' and metadata.doc_family != 'billing'"),
        encoding="utf-8",
    )

    failed, passed = _gate(EXAMPLE, "--url", url), _gate(tmp_path / "gate.toml", "--url", url)

    assert "FAIL: no-regression recall@5, billing" in failed.stdout
    assert (passed.exit_code, passed.stdout.splitlines()[-1]) == (0, "PASS (5 pass)")


def test_more_cohorts_than_are_compared_are_refused_where_a_rule_is_about_them(
    url: str, tmp_path: Path
) -> None:
    file = tmp_path / "gate.toml"
    by_ticket = EXAMPLE.read_text(encoding="utf-8").replace("metadata.doc_family", "metadata.ticket")
    file.write_text(by_ticket, encoding="utf-8")

    done = _gate(file, "--url", url)

    assert (done.exit_code, done.stdout) == (2, "")
    assert "live.cohort: metadata.ticket has more than the 200 cohorts that are compared" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param("delta = 0.05", "delta = 0", "rule 2.delta", id="value"),
        pytest.param("project = 'demo'", "projects = 'demo'", "projects", id="where"),
        pytest.param('"recall@5"', '"recall"', "unknown metric 'recall'", id="metric"),
    ],
)
def test_a_file_that_cannot_be_understood_is_one_line_and_exit_2(
    url: str, tmp_path: Path, old: str, new: str, says: str
) -> None:
    (tmp_path / "gate.toml").write_text(
        EXAMPLE.read_text(encoding="utf-8").replace(old, new), encoding="utf-8"
    )

    done = _gate(tmp_path / "gate.toml", "--url", url)

    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_margin_has_a_limit_on_the_candidates_own_scale_and_is_not_compared(
    url: str, tmp_path: Path
) -> None:
    live = EXAMPLE.read_text(encoding="utf-8").partition("[[rule]]")[0]
    limit = '[[rule]]\nkind = "limit"\npreset = "margin_0.18"\ncohorts = "all"\n'
    (tmp_path / "limit.toml").write_text(live + limit, encoding="utf-8")
    compared = '[[rule]]\nkind = "no-regression"\nmetric = "margin"\n'
    (tmp_path / "compared.toml").write_text(live + compared, encoding="utf-8")
    of_hours = '[live]\nby = "hour"\nbase = "01"\ncandidate = "02"\n'
    (tmp_path / "hours.toml").write_text(of_hours + limit.replace('cohorts = "all"\n', ""), encoding="utf-8")

    held = _gate(tmp_path / "limit.toml", "--url", url, "--json")
    refused = _gate(tmp_path / "compared.toml", "--url", url)
    hours = _gate(tmp_path / "hours.toml", "--url", url)

    checks = {each["cohort"]: each for each in json.loads(held.stdout)["checks"]}
    assert (checks["*"]["candidate"]["value"], checks["*"]["candidate"]["n"]) == (0.25, 14 + 36 + 34)
    assert (checks["legal"]["outcome"], checks["legal"]["candidate"]["n"]) == ("pass", 36)
    assert (held.exit_code, checks["billing"]["reason"]) == (
        1,
        "insufficient data: 14 traces, and the rule needs 20",
    )
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "several embedding spaces (hash@1" in refused.stderr
    assert (hours.exit_code, "no where-expression finds the traces of hour '02' alone" in hours.stderr) == (
        2,
        True,
    )


def test_many_scores_of_people_do_not_hide_an_unproven_evaluator(url: str, tmp_path: Path) -> None:
    made = [
        {"trace_id": f"{n:032x}", "name": "kindness", "score": 0.5, "source": "evaluator"}
        for n in range(1, len(FOUND) * QUESTIONS + 1)
    ]
    said = [
        {"trace_id": f"{10_000 + n:032x}", "name": "kindness", "score": 1.0, "source": "human"}
        for n in range(1_000)
    ]
    for scores in (made, said):
        httpx.post(f"{url}/api/v1/scores", json={"scores": scores}).raise_for_status()
    (tmp_path / "gate.toml").write_text(
        '[live]\nby = "encoder"\nbase = "hash@1"\ncandidate = "lsa@2"\n'
        '[[rule]]\nkind = "limit"\nmetric = "score:kindness"\nat_least = 0.4\n'
    )

    done = _gate(tmp_path / "gate.toml", "--url", url, "--json")

    (check,) = json.loads(done.stdout)["checks"]
    assert (done.exit_code, check["outcome"], check["candidate"]["n"]) == (1, "undecided", 120)
    assert check["reason"].startswith("unproven evaluator: no human labels of kindness")


def test_a_gate_replays_a_dataset_that_the_collector_keeps(url: str, tmp_path: Path) -> None:
    rows = [{"query": word, "positive_chunk": f"{word} {word}"} for word in ("anchor", "bridge", "candle")]
    with Client(url) as client:
        client.add_dataset("words", rows)
    letters = "tests.collector.replay.letters"
    (tmp_path / "gate.toml").write_text(
        f'[replay]\ndataset = "words"\nbase = "{letters}:vowels"\ncandidate = "{letters}:letters"\n'
        '[[rule]]\nkind = "limit"\nmetric = "recall@1"\nat_least = 0.5\n'
    )

    done = _gate(tmp_path / "gate.toml", "--url", url, "--json")

    (check,) = json.loads(done.stdout)["checks"]
    assert (done.exit_code, check["candidate"]["value"]) == (1, 1.0)
    assert check["reason"] == "insufficient data: 3 pairs, and the rule needs 20"


def test_a_gate_compares_and_replays_the_traces_of_a_saved_cohort(url: str, tmp_path: Path) -> None:
    with Client(url) as client:
        client.save_cohort("hr", "metadata.doc_family = 'hr'")
    rule = '[[rule]]\nkind = "limit"\nmetric = "{}"\nat_least = 0.5\n'
    live = '[live]\nby = "encoder"\nbase = "hash@1"\ncandidate = "lsa@2"\nsaved = "{}"\n'
    rules = rule.format("recall@5") + rule.format("margin")
    letters = "tests.collector.replay.letters"
    files = {
        "live.toml": live.format("hr") + rules,
        "replay.toml": f'[replay]\nsample = 500\ncohort = "hr"\nbase = "{letters}:vowels"\n'
        f'candidate = "{letters}:letters"\ncorpus = "corpus.jsonl"\n' + rule.format("recall@1"),
        "unknown.toml": live.format("hrs") + rules,
        "corpus.jsonl": '{"id": "gold", "content": "question hr"}\n{"id": "other", "content": "zzz"}\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    compared, replayed = (
        {each["metric"]: each["candidate"]["n"] for each in json.loads(done.stdout)["checks"]}
        for done in (_gate(tmp_path / f"{name}.toml", "--url", url, "--json") for name in ("live", "replay"))
    )
    unknown = _gate(tmp_path / "unknown.toml", "--url", url)

    assert compared == {"recall@5": 40, "margin": 34}
    assert replayed == {"recall@1": 40}, "the questions of hr, each once"
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "no cohort is saved as 'hrs'; did you mean hr?" in unknown.stderr


def test_a_gate_replays_live_queries(url: str, tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(
        '{"id": "gold", "content": "question hr"}\n{"id": "other", "content": "zzz"}\n'
    )
    letters = "tests.collector.replay.letters"
    (tmp_path / "gate.toml").write_text(
        f'[replay]\nsample = 20\nwhere = "metadata.doc_family = \'hr\'"\ncorpus = "corpus.jsonl"\n'
        f'base = "{letters}:vowels"\ncandidate = "{letters}:letters"\n'
        '[[rule]]\nkind = "limit"\nmetric = "recall@1"\nat_least = 0.8\n'
    )

    done = _gate(tmp_path / "gate.toml", "--url", url, "--json")

    (check,) = json.loads(done.stdout)["checks"]
    assert (done.exit_code, check["candidate"]["value"], check["candidate"]["n"]) == (0, 1.0, 20)


def test_a_dataset_that_is_not_there_is_one_line_and_exit_2(url: str, tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(
        '[replay]\ndataset = "word"\nbase = "json:dumps"\ncandidate = "json:loads"\n'
        '[[rule]]\nkind = "limit"\nmetric = "mrr"\nat_least = 0.5\n'
    )

    done = _gate(tmp_path / "gate.toml", "--url", url)

    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no dataset 'word'" in done.stderr
