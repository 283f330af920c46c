"""`/api/v1/jobs` over HTTP, with spans sent as an app would."""

from typing import Any

import httpx
import pytest

from groundtrace_collector.jobs.catalog import loadable
from groundtrace_collector.jobs.protocol import CaseMessage, Result, ResultsRequest
from groundtrace_collector.jobs.worker import score_cases
from tests.collector.conftest import Send

JOBS = "/api/v1/jobs"
CONTEXT = "Refunds are possible within 30 days of purchase. The receipt is needed."


def rag_trace(number: int, *, answer: str, context: str = CONTEXT) -> list[dict[str, Any]]:
    """A question with one retrieved passage and its answer."""
    trace_id, root_id = f"{number:032x}", f"{number:08x}00000000"
    document = {"retrieval.documents.0.document.id": "d1"}
    if context:
        document["retrieval.documents.0.document.content"] = context
    return [
        {
            "trace_id": trace_id,
            "span_id": root_id,
            "kind": "CHAIN",
            "attributes": {"input.value": "How long is the refund period?", "output.value": answer},
        },
        {"trace_id": trace_id, "parent_span_id": root_id, "kind": "RETRIEVER", "attributes": document},
    ]


async def post_results(client: httpx.AsyncClient, body: str, *, status: int = 200) -> None:
    answer = await client.post(f"{JOBS}/results", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text


async def work_off(client: httpx.AsyncClient, run: str) -> dict[str, Any]:
    """Score a run's cases with the real evaluators, as a worker does; gives the run's last status."""
    evaluators = loadable()
    versions = {name: evaluator.version for name, evaluator in evaluators.items()}
    while True:
        claim = {"worker": "test", "evaluators": versions, "limit": 100, "run": run}
        reply = (await client.post(f"{JOBS}/claim", json=claim)).json()
        if not reply["cases"]:
            status: dict[str, Any] = reply["run"]
            return status
        found: list[Result] = []
        cases = [CaseMessage.model_validate(case) for case in reply["cases"]]
        score_cases(cases, evaluators, found.append, lambda: False)
        results = ResultsRequest(lease=reply["lease"], results=tuple(found), done=True)
        await post_results(client, results.model_dump_json())


async def test_a_new_store_has_no_jobs(client: httpx.AsyncClient) -> None:
    assert (await client.get(JOBS)).json() == {"jobs": []}


async def test_a_job_is_kept_and_listed_with_counts_reasons_and_lag(
    client: httpx.AsyncClient, send: Send
) -> None:
    job = {"name": "quality", "evaluators": ["groundedness", "context_relevance"], "every": "5m"}
    created = await client.post(JOBS, json=job)
    assert created.status_code == 200, created.text
    await send(rag_trace(1, answer="Refunds are possible within 30 days."))
    await send(rag_trace(2, answer=""))
    await send(rag_trace(3, answer="I don't know."))
    await send(rag_trace(4, answer="Refunds are possible within 30 days.", context=""))

    run = (await client.post(f"{JOBS}/runs", json={"job": "quality"})).json()
    ended = await work_off(client, run["run"])
    (listed,) = (await client.get(JOBS)).json()["jobs"]

    assert (run["total"], ended["finished"]) == (8, True)
    assert ended["scores_added"] == listed["counts"]["scored"] == 4
    assert listed["counts"]["skipped"] == {
        "the case has no context": 2,
        "the case has no answer": 1,
        "the answer declines to answer": 1,
    }
    assert listed["counts"]["failed"] == {}
    assert listed["lag"] == {"due": 0, "waiting": 0, "oldest_s": 0.0}
    assert {name: listed[name] for name in job} == job
    assert (listed["state"], listed["where"], listed["sample"], listed["fault"]) == (
        "active",
        None,
        1.0,
        None,
    )


async def test_running_again_adds_no_score(client: httpx.AsyncClient, send: Send) -> None:
    await send(rag_trace(1, answer="Refunds are possible within 30 days."))
    request = {"evaluators": ["groundedness"], "where": "answer like '%30 days%'", "since": "1h"}
    first = await work_off(client, (await client.post(f"{JOBS}/runs", json=request)).json()["run"])
    second = await work_off(client, (await client.post(f"{JOBS}/runs", json=request)).json()["run"])

    assert (first["scores_added"], second["scores_added"], second["total"]) == (1, 0, 0)


async def test_what_is_given_of_a_job_replaces_only_that(client: httpx.AsyncClient) -> None:
    await client.post(
        JOBS, json={"name": "q", "evaluators": ["groundedness"], "sample": 0.5, "where": "cost_usd > 1"}
    )

    paused = (await client.post(JOBS, json={"name": "q", "state": "paused"})).json()
    cleared = (await client.post(JOBS, json={"name": "q", "where": None, "every": "0 3 * * *"})).json()

    assert (paused["state"], paused["sample"], paused["where"], paused["next_run_at"]) == (
        "paused",
        0.5,
        "cost_usd > 1",
        None,
    )
    assert (cleared["state"], cleared["sample"], cleared["where"], cleared["every"]) == (
        "paused",
        0.5,
        None,
        "0 3 * * *",
    )


async def test_a_removed_job_can_be_added_anew(client: httpx.AsyncClient) -> None:
    await client.post(JOBS, json={"name": "q", "evaluators": ["groundedness"], "sample": 0.5})
    await client.post(JOBS, json={"name": "q", "state": "removed"})
    assert (await client.get(JOBS)).json() == {"jobs": []}

    anew = (await client.post(JOBS, json={"name": "q", "evaluators": ["context_relevance"]})).json()

    assert (anew["sample"], anew["state"]) == (1.0, "active")


@pytest.mark.parametrize(
    ("job", "status", "code", "words"),
    [
        pytest.param(
            {"evaluators": ["groundednes"]},
            400,
            "unknown_evaluator",
            "no evaluator is named 'groundednes'; there are: ",
            id="evaluator",
        ),
        pytest.param({"where": "encodr = 'x'"}, 400, "invalid_where", "encodr", id="where"),
        pytest.param(
            {"sample": 1.5},
            400,
            "invalid_job",
            "sample must be above 0 and at most 1, got 1.5",
            id="sample-above",
        ),
        pytest.param(
            {"sample": 0}, 400, "invalid_job", "sample must be above 0 and at most 1, got 0", id="sample-zero"
        ),
        pytest.param(
            {"every": "5 minutes"},
            400,
            "invalid_job",
            "every '5 minutes' is neither an interval nor a cron",
            id="every",
        ),
        pytest.param({"evaluators": []}, 400, "invalid_job", "evaluators", id="no-evaluator"),
        pytest.param(
            {"name": "a b/c"},
            400,
            "invalid_job",
            "name: a job's name has 1 to 200 letters, digits and . _ @ - and no other characters, got 'a b/c'",
            id="name-with-space",
        ),
        pytest.param(
            {"project": "groundtrace.internal"}, 400, "invalid_job", "never evaluated", id="own-project"
        ),
        pytest.param({"budget": 3}, 422, "invalid", "budget", id="unknown-field"),
        pytest.param({"state": "sleeping"}, 422, "invalid", "state", id="unknown-state"),
    ],
)
async def test_a_wrong_job_is_refused_with_the_value_and_is_not_kept(
    client: httpx.AsyncClient, job: dict[str, Any], status: int, code: str, words: str
) -> None:
    refused = await client.post(JOBS, json={"name": "q", "evaluators": ["groundedness"]} | job)

    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (status, code)
    assert words in error["message"]
    assert "\n" not in error["message"]
    assert (await client.get(JOBS)).json() == {"jobs": []}


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        *[
            pytest.param(
                "",
                {"name": "no-such", "state": state},
                404,
                "there is no job 'no-such'; `groundtrace jobs list` shows those there are",
                id=state,
            )
            for state in ("paused", "active", "removed")
        ],
        pytest.param(
            "", {"name": "no-such", "where": "encoder = 'x'"}, 404, "a new one needs evaluators", id="new"
        ),
        pytest.param("/runs", {"job": "no-such"}, 404, "there is no job 'no-such'", id="run"),
        pytest.param("/runs", {"evaluators": ["x"]}, 400, "no evaluator is named 'x'", id="run-evaluator"),
        pytest.param(
            "/runs",
            {"evaluators": ["groundedness"], "since": "soon"},
            400,
            "since: 'soon' is not a time",
            id="since",
        ),
        pytest.param("/runs", {"evaluators": ["groundedness"], "sample": 2}, 400, "got 2", id="run-sample"),
        pytest.param("/runs", {}, 400, "evaluators", id="run-of-nothing"),
        pytest.param(
            "/claim", {"worker": "w", "evaluators": {}, "run": "gone"}, 404, "no run 'gone'", id="claim"
        ),
    ],
)
async def test_a_wrong_request_is_refused_in_words(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    refused = await client.post(f"{JOBS}{path}", json=body)

    assert refused.status_code == status, refused.text
    assert words in refused.json()["error"]["message"]


@pytest.mark.parametrize("score", ["NaN", "1.5", "-0.1", '"high"', "null"])
async def test_a_worker_cannot_store_what_is_no_score(client: httpx.AsyncClient, score: str) -> None:
    def body(score: str) -> str:
        verdict = f'{{"name": "g", "version": "1", "score": {score}, "status": "ok"}}'
        result = f'{{"project": "p", "trace_id": "t", "input_hash": 1, "score": {verdict}}}'
        return f'{{"lease": "l", "results": [{result}]}}'

    await post_results(client, body("0.5"))
    await post_results(client, body(score), status=422)
