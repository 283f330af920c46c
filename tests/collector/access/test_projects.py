"""A key that is bound to a project reaches nothing of another one, on any route of the application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from groundtrace_collector.access.key import Role
from groundtrace_collector.access.policy import is_of_all_projects
from groundtrace_collector.app import ROUTED
from groundtrace_collector.errors import TooLargeError
from groundtrace_collector.gate.bound import PROJECT_ATTRIBUTE, only_of
from groundtrace_collector.query.safe_sql import TABLES
from groundtrace_evaluators import get
from tests.collector.access.conftest import PROTOBUF, SECRET, Door, bearer, spans_of
from tests.collector.otlp import otlp_request

MINE, THEIRS = "a" * 32, "b" * 32
FILTER = {"where": "project = 'theirs'", "by": "encoder", "metrics": "traces,score:groundedness"}
COMPARED = {"by": "project", "base": "mine", "candidate": "theirs", "metrics": "traces", "cohort": "project"}

# What is asked of each route: at least one request that names the other project's data as well as it can.
# {run} and {lease} are the other project's. A route that is not here makes the test fail.
ASKED: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("POST", "/v1/traces"): [{"content": spans_of(MINE, "owl"), "headers": PROTOBUF}],
    ("POST", "/v1/traces/"): [{"content": spans_of(MINE, "owl"), "headers": PROTOBUF}],
    ("POST", "/v1/logs"): [{"content": b"", "headers": PROTOBUF}],
    ("POST", "/v1/logs/"): [{"content": b"", "headers": PROTOBUF}],
    ("GET", "/healthz"): [{}],
    ("GET", "/readyz"): [{}],
    ("GET", "/api/v1/traces"): [{}, {"params": FILTER}, {"params": {"cohort": "theirs"}}],
    ("GET", "/api/v1/traces/count"): [{}, {"params": FILTER}],
    ("GET", "/api/v1/traces/{trace_id}"): [{}],
    ("GET", "/api/v1/cohorts"): [
        {"params": FILTER},
        {"params": {**FILTER, "where": "started_at > '2000-01-01'"}},
    ],
    ("GET", "/api/v1/compare"): [{"params": COMPARED}],
    ("GET", "/api/v1/scores"): [{}, {"params": {"trace_id": THEIRS}}, {"params": {"where": FILTER["where"]}}],
    ("POST", "/api/v1/scores"): [
        {"json": {"scores": [{"trace_id": THEIRS, "name": "groundedness", "score": 0}]}}
    ],
    ("GET", "/api/v1/feedback"): [{}, {"params": {"trace_id": THEIRS}}],
    ("POST", "/api/v1/feedback"): [{"json": {"trace_id": THEIRS, "name": "thumbs", "value": 1}}],
    ("GET", "/api/v1/calibrations"): [{}],
    ("GET", "/api/v1/calibrations/first-runs"): [
        {"params": {"name": "groundedness", "version": get("groundedness").version}}
    ],
    ("POST", "/api/v1/calibrations"): [
        {"json": {"name": "groundedness", "labels": labels}} for labels in ("human", "feedback.thumbs")
    ],
    ("GET", "/api/v1/jobs"): [{}],
    ("POST", "/api/v1/jobs"): [
        {"json": {"name": "theirs", "state": "removed"}},
        {"json": {"name": "theirs", "evaluators": ["groundedness"]}},
        {"json": {"name": "new", "evaluators": ["groundedness"], "project": "theirs"}},
        {"json": {"name": "new", "evaluators": ["groundedness"], "cohort": "theirs"}},
    ],
    ("POST", "/api/v1/jobs/runs"): [
        {"json": {"job": "theirs"}},
        {"json": {"evaluators": ["groundedness"], "project": "theirs"}},
        {"json": {"evaluators": ["groundedness"], "cohort": "theirs"}},
    ],
    ("GET", "/api/v1/jobs/runs/{run_id}"): [{}],
    ("POST", "/api/v1/jobs/claim"): [
        {"json": {"worker": "w", "evaluators": {"groundedness": get("groundedness").version}}},
        {
            "json": {
                "worker": "w",
                "evaluators": {"groundedness": get("groundedness").version},
                "run": "{run}",
            }
        },
    ],
    ("POST", "/api/v1/jobs/reserve"): [{"json": {"lease": "{lease}", "bounds": []}}],
    ("POST", "/api/v1/jobs/results"): [{"json": {"lease": "{lease}", "results": []}}],
    ("POST", "/api/v1/sql"): [
        {"json": {"sql": f"SELECT * FROM {table}"}}  # noqa: S608
        for table in TABLES
    ],
    ("GET", "/api/v1/cohorts/saved"): [{}],
    ("POST", "/api/v1/cohorts/saved"): [{"json": {"name": "theirs", "expression": "route = 'x'"}}],
    ("DELETE", "/api/v1/cohorts/saved/{name:path}"): [{}],
    ("GET", "/api/v1/datasets"): [{}],
    ("POST", "/api/v1/datasets"): [{"json": {"name": "theirs"}}],
    ("GET", "/api/v1/datasets/{name}/rows"): [{}, {"params": {"version": 1}}],
    ("POST", "/api/v1/datasets/{name}/rows"): [
        {"json": {"rows": [{"query": "owl"}], "upload": "{upload}"}},
        {"json": {"rows": [{"query": "owl"}]}},
    ],
    ("GET", "/api/v1/datasets/{name}/versions"): [{}],
    ("POST", "/api/v1/datasets/{name}/versions"): [{"json": {"upload": "{upload}"}}],
    ("POST", "/api/v1/datasets/{name}/mined"): [{"json": {"upload": "{upload}"}}],
    ("GET", "/api/v1/keys"): [{}],
    ("POST", "/api/v1/keys"): [{"json": {"name": "more"}}],
    ("DELETE", "/api/v1/keys/{which}"): [{}],
    ("GET", "/"): [{}, {"params": {"project": "theirs"}}, {"params": FILTER}],
    ("GET", "/traces/{trace_id}"): [{}],
    ("GET", "/cohorts"): [{}, {"params": FILTER}],
    ("GET", "/compare"): [{}, {"params": COMPARED}],
    ("GET", "/evaluations"): [{}],
    ("GET", "/encoders"): [{}],
    ("GET", "/encoders/{encoder:path}"): [{}, {"params": {"by": "project"}}],
    ("GET", "/datasets"): [{}],
    ("GET", "/datasets/{name}"): [{}],
    ("GET", "/sql"): [{}, {"params": {"sql": "SELECT * FROM traces"}}],
    ("GET", "/settings"): [{}],
    ("GET", "/static/{name}"): [{}],
    ("GET", "/favicon.ico"): [{}],
    ("GET", "/docs"): [{}],
    ("GET", "/metrics"): [{}],
    ("GET", "/login"): [{}],
    ("POST", "/login"): [{"data": {"key": "gt_wrong"}}],
    ("POST", "/logout"): [{}],
}
# Where someone who reaches every project sees the other one's words: without this the test could not fail.
SHOWN = {
    ("GET", path)
    for path in (
        "/api/v1/traces", "/api/v1/traces/{trace_id}", "/api/v1/cohorts", "/api/v1/scores", "/api/v1/feedback",
        "/api/v1/jobs", "/", "/traces/{trace_id}", "/cohorts", "/compare", "/evaluations",
        "/encoders", "/encoders/{encoder:path}", "/sql",
    )
} | {("POST", "/api/v1/sql")}  # fmt: skip


def routes() -> Iterator[tuple[str, str]]:
    for module in ROUTED:
        for route in module.router.routes:
            for method in route.methods or ():
                yield method, route.path


class Two:
    """A store with two projects, and an admin's key bound to each."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.headers: dict[str, dict[str, str]] = {}
        self.run = self.lease = ""
        self.upload = 0

    async def fill(self) -> None:
        door = self.door
        self.headers["all"] = bearer(await door.token(Role.ADMIN))
        for project, trace, word in (("mine", MINE, "owl"), ("theirs", THEIRS, SECRET)):
            headers = self.headers[project] = bearer(await door.token(Role.ADMIN, project))
            answer = await door.client.post(
                "/v1/traces", content=spans_of(trace, word), headers=PROTOBUF | headers
            )
            assert answer.status_code == 200
            await door.collector.settler.idle()
            await self._said(trace, word, headers)
            await self._job(project, word, headers)
            await self._decided(project, trace, word)
            await self._dataset(word, headers)
        self.run = await self._started("theirs")
        self.lease = (await self._claimed("theirs"))["lease"]

    async def _said(self, trace: str, word: str, headers: dict[str, str]) -> None:
        score = {"trace_id": trace, "name": "groundedness", "score": 0.4, "explanation": f"no {word} there"}
        for path, body in (
            ("/api/v1/scores", {"scores": [score]}),
            ("/api/v1/feedback", {"trace_id": trace, "name": "thumbs", "value": -1, "comment": f"{word}?"}),
        ):
            assert (await self.door.client.post(path, json=body, headers=headers)).status_code == 200

    async def _job(self, project: str, word: str, headers: dict[str, str]) -> None:
        job = {"name": project, "evaluators": ["groundedness"], "where": f"route = '{word}'"}
        cohort = {"name": project, "expression": f"route = '{word}'"}
        for path, body in (("/api/v1/jobs", job), ("/api/v1/cohorts/saved", cohort)):
            answer = await self.door.client.post(path, json=body, headers=headers)
            assert answer.status_code == 200, answer.text

    async def _dataset(self, word: str, headers: dict[str, str]) -> None:
        """A complete version, and an upload that is not."""
        rows = {"rows": [{"id": "1", "query": word, "source": word}], "source": word}
        opened = await self.door.client.post("/api/v1/datasets", json={"name": "theirs"}, headers=headers)
        self.upload = opened.json()["upload"]
        for body in (rows, {**rows, "upload": self.upload}):
            answer = await self.door.client.post("/api/v1/datasets/theirs/rows", json=body, headers=headers)
            assert answer.status_code == 200, answer.text

    async def _decided(self, project: str, trace: str, word: str) -> None:
        row = {
            "Evaluator": "groundedness",
            "EvaluatorVersion": "0",
            "TraceId": trace,
            "Project": project,
            "Job": project,
            "Status": "skipped",
            "Reason": f"the {word} slept",
            "Seq": self.door.collector.store.next_seq(),
        }
        await self.door.collector.store.insert("ledger", [row])

    async def _started(self, project: str) -> str:
        answer = await self.door.client.post(
            "/api/v1/jobs/runs", json={"evaluators": ["groundedness"]}, headers=self.headers[project]
        )
        assert answer.status_code == 200, answer.text
        run: str = answer.json()["run"]
        return run

    async def _claimed(self, project: str) -> dict[str, Any]:
        from groundtrace_evaluators import registry

        version = registry.get("groundedness").version
        asked = {"worker": "w", "evaluators": {"groundedness": version}, "run": self.run, "limit": 1}
        answer = await self.door.client.post("/api/v1/jobs/claim", json=asked, headers=self.headers[project])
        assert answer.json()["cases"], answer.text
        claimed: dict[str, Any] = answer.json()
        return claimed

    async def ask(self, method: str, path: str, asked: dict[str, Any], who: str) -> httpx.Response:
        """One request of the table, with the other project's ids in it."""
        values = {"trace_id": THEIRS, "run_id": self.run, "name:path": "theirs", "which": "theirs"}
        values["encoder:path"] = f"encoder-{SECRET}"
        named = "theirs" if "datasets" in path else "groundtrace.css"
        for name, value in (values | {"name": named}).items():
            path = path.replace(f"{{{name}}}", value)
        asked = {**asked, "headers": {**asked.get("headers", {}), **self.headers[who]}}
        if isinstance(body := asked.get("json"), dict):
            filled = {"{run}": self.run, "{lease}": self.lease, "{upload}": self.upload}
            asked["json"] = {
                key: filled.get(value, value) if isinstance(value, str) else value
                for key, value in body.items()
            }
        self.door.client.cookies.clear()
        return await self.door.client.request(method, path, **asked)


@pytest.fixture
async def two(door: Door) -> Two:
    two = Two(door)
    await two.fill()
    return two


def test_every_route_of_the_application_is_asked() -> None:
    assert set(routes()) == set(ASKED)


async def test_no_route_answers_a_bound_key_with_another_projects_data(two: Two) -> None:
    leaking = []
    for (method, path), requests in ASKED.items():
        for asked in requests:
            answer = await two.ask(method, path, asked, "mine")
            assert answer.status_code < 500, (method, path, answer.text)
            if SECRET in answer.text:
                leaking.append((method, path, asked))

    assert leaking == []


async def test_whoever_reaches_every_project_sees_both(two: Two) -> None:
    shown = set()
    for method, path in SHOWN:
        for asked in ASKED[method, path]:
            if SECRET in (await two.ask(method, path, asked, "all")).text:
                shown.add((method, path))

    assert shown == SHOWN


async def test_a_run_and_a_lease_of_another_project_are_not_there(two: Two) -> None:
    (status,) = ASKED["GET", "/api/v1/jobs/runs/{run_id}"]
    (results,) = ASKED["POST", "/api/v1/jobs/results"]

    assert (await two.ask("GET", "/api/v1/jobs/runs/{run_id}", status, "theirs")).status_code == 200
    assert (await two.ask("GET", "/api/v1/jobs/runs/{run_id}", status, "mine")).status_code == 404
    assert (await two.ask("POST", "/api/v1/jobs/results", results, "mine")).json()["lease_lost"]
    assert not (await two.ask("POST", "/api/v1/jobs/results", results, "theirs")).json()["lease_lost"]


async def test_a_bound_key_counts_its_own_traces_only(two: Two) -> None:
    counted = await two.door.client.get("/api/v1/traces/count", headers=two.headers["mine"])
    everything = await two.door.client.get("/api/v1/traces/count", headers=two.headers["all"])

    assert counted.json() == {"traces": 1, "spans": 4}
    assert everything.json() == {"traces": 2, "spans": 8}


async def test_what_a_bound_key_says_of_anothers_trace_is_not_said_of_it(two: Two) -> None:
    for asked in ASKED["POST", "/api/v1/scores"] + ASKED["POST", "/api/v1/feedback"]:
        path = "/api/v1/scores" if "scores" in asked["json"] else "/api/v1/feedback"
        assert (await two.ask("POST", path, asked, "mine")).status_code == 200

    theirs = (await two.ask("GET", "/api/v1/traces/{trace_id}", {}, "theirs")).json()

    assert [score["score"] for score in theirs["scores"]] == [0.4]
    assert [said["value"] for said in theirs["feedback"]] == [-1]


async def test_a_bound_key_changes_nothing_of_another_project(two: Two) -> None:
    for path in ("/api/v1/jobs", "/api/v1/cohorts/saved"):
        for asked in ASKED["POST", path]:
            await two.ask("POST", path, asked, "mine")
    await two.ask("DELETE", "/api/v1/cohorts/saved/{name:path}", {}, "mine")

    jobs = (await two.ask("GET", "/api/v1/jobs", {}, "theirs")).json()["jobs"]
    saved = (await two.ask("GET", "/api/v1/cohorts/saved", {}, "theirs")).json()["saved"]

    assert [(job["name"], job["state"], job["where"]) for job in jobs] == [
        ("theirs", "active", f"route = '{SECRET}'")
    ]
    assert [(each["name"], each["expression"]) for each in saved] == [("theirs", f"route = '{SECRET}'")]


@pytest.mark.parametrize(("method", "path"), [key for key in ASKED if is_of_all_projects(key[1])])
async def test_what_is_of_all_projects_is_refused_to_a_bound_key(two: Two, method: str, path: str) -> None:
    answer = await two.ask(method, path, ASKED[method, path][0], "mine")

    assert answer.status_code == 403
    assert "'mine' only" in answer.json()["error"]["message"]


async def test_a_bound_key_decides_the_project_of_what_it_sends(two: Two) -> None:
    headers = PROTOBUF | two.headers["mine"]
    body = otlp_request([{"trace_id": "c" * 32}])

    await two.door.client.post("/v1/traces", content=body, headers=headers)
    await two.door.collector.settler.idle()

    trace = (await two.door.client.get(f"/api/v1/traces/{'c' * 32}", headers=two.headers["all"])).json()
    assert trace["project"] == "mine"


async def test_spans_that_name_another_project_are_refused_and_the_rest_is_kept(two: Two) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    trace = "d" * 32
    body = otlp_request(
        [
            {"trace_id": trace, "attributes": {PROJECT_ATTRIBUTE: "theirs"}},
            {"trace_id": trace, "attributes": {PROJECT_ATTRIBUTE: "mine"}},
            {"trace_id": trace},
        ],
        resource={PROJECT_ATTRIBUTE: "mine"},
    )

    answer = await two.door.client.post("/v1/traces", content=body, headers=PROTOBUF | two.headers["mine"])
    await two.door.collector.settler.idle()

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 1
    assert partial.error_message == (
        "1 refused: openinference.project.name is 'theirs', and the key is bound to 'mine'"
    )
    kept = (await two.door.client.get(f"/api/v1/traces/{trace}", headers=two.headers["mine"])).json()
    assert len(kept["spans"]) == 2


def test_a_request_that_names_the_keys_own_project_is_not_walked() -> None:
    body = otlp_request([{"trace_id": "e" * 32}], resource={PROJECT_ATTRIBUTE: "mine"})

    assert only_of(body, "mine", most_items=1_000) == (body, 0, "")


@pytest.mark.parametrize("body", [b"\xff", PROJECT_ATTRIBUTE.encode(), b""])
def test_bytes_that_are_no_request_are_left_to_the_gate(body: bytes) -> None:
    assert only_of(body, "mine", most_items=1_000) == (body, 0, "")


def test_a_request_of_too_many_items_is_refused_before_its_projects_are_looked_for() -> None:
    body = (
        otlp_request([{"trace_id": "e" * 32}], resource={PROJECT_ATTRIBUTE: "theirs"}) + b"\x0a\x00" * 1_001
    )

    with pytest.raises(TooLargeError, match="more than 1000 spans"):
        only_of(body, "mine", most_items=1_000)


async def test_a_trace_that_takes_anothers_ids_gets_none_of_its_texts(two: Two) -> None:
    # The same trace, the same spans, no texts: what is shown of it can only be the other project's.
    ids = [f"00000000000000a{number}" for number in range(1, 5)]
    kinds = ("CHAIN", "EMBEDDING", "RETRIEVER", "LLM")
    spans = [
        {
            "trace_id": THEIRS,
            "span_id": span_id,
            "parent_span_id": "" if span_id == ids[0] else ids[0],
            "kind": kind,
            # The attribute is there, so the span is taken for the one with the question or the answer.
            "attributes": {"input.value": " ", "output.value": " "},
        }
        for span_id, kind in zip(ids, kinds, strict=True)
    ]
    headers = PROTOBUF | two.headers["mine"]
    await two.door.client.post("/v1/traces", content=otlp_request(spans), headers=headers)
    # And once more with theirs, so that one settling computes both traces.
    await two.door.collector.settler.idle()
    for project, span in (("theirs", "b1"), ("mine", "b2")):
        more = otlp_request([{"trace_id": THEIRS, "span_id": f"00000000000000{span}"}])
        await two.door.client.post("/v1/traces", content=more, headers=PROTOBUF | two.headers[project])
    await two.door.collector.settler.idle()

    mine = await two.door.client.get(f"/api/v1/traces/{THEIRS}", headers=two.headers["mine"])
    (row,) = await two.door.collector.store.query(
        "SELECT * FROM traces FINAL WHERE TraceId = {id:String} AND Project = 'mine'", {"id": THEIRS}
    )

    assert mine.json()["project"] == "mine"
    assert SECRET not in mine.text
    assert SECRET not in str(row)
    theirs = await two.door.client.get(f"/api/v1/traces/{THEIRS}", headers=two.headers["theirs"])
    assert theirs.json()["query"] == f"where is the {SECRET}?"


async def test_spans_of_two_projects_with_one_id_are_settled_apart(two: Two) -> None:
    from groundtrace_collector.store.settler import settle

    spans = [{"trace_id": THEIRS, "span_id": "00000000000000a1", "attributes": {"input.value": "mine"}}]
    await two.door.client.post(
        "/v1/traces", content=otlp_request(spans), headers=PROTOBUF | two.headers["mine"]
    )
    store = two.door.collector.store
    await two.door.collector.settler.idle()
    seqs = [row["Seq"] for row in await store.query("SELECT DISTINCT Seq FROM otel_traces")]

    # Both traces in one settling, as after a restart.
    version = store.next_seq()
    await store.settling.run(lambda driver: settle(driver, seqs, version=version))

    rows = await store.query(
        "SELECT Project, Query, ContextIds, SpanCount FROM traces FINAL WHERE TraceId = {id:String} ORDER BY Project",
        {"id": THEIRS},
    )
    assert rows == [
        {"Project": "mine", "Query": "mine", "ContextIds": [], "SpanCount": 1},
        {
            "Project": "theirs",
            "Query": f"where is the {SECRET}?",
            "ContextIds": [f"doc-{SECRET}"],
            "SpanCount": 4,
        },
    ]
