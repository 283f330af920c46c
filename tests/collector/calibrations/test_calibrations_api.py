"""`/api/v1/calibrations`: learnt from stored scores and what people said, and what then follows from it."""

from random import Random
from typing import Any

import httpx
import pytest

from groundtrace_collector.calibrations.first_runs import FirstRun
from groundtrace_collector.collector import Collector
from groundtrace_collector.jobs.catalog import loadable
from groundtrace_collector.jobs.worker import case_of
from tests.collector.conftest import Send
from tests.collector.jobs.test_api import CONTEXT, rag_trace, work_off
from tests.collector.rows import trace, trace_id

CALIBRATIONS = "/api/v1/calibrations"
SIDE = 60
"""Labels of each kind."""
NUMBERS = Random(5)  # noqa: S311  (scores, not secrets)
HIGH = [NUMBERS.betavariate(6, 3) for _ in range(SIDE)]
LOW = [NUMBERS.betavariate(3, 6) for _ in range(SIDE)]


def scored(name: str, numbers: list[float], *, sign: str, **fields: Any) -> list[dict[str, Any]]:
    """A score of an evaluator on each of as many traces."""
    made = {"source": "evaluator", "evaluator": name, "version": "9", "method": "lexical"} | fields
    return [
        {"trace_id": trace_id(f"{sign}{place}"), "name": name, "score": number, **made}
        for place, number in enumerate(numbers)
    ]


async def post(client: httpx.AsyncClient, path: str, body: object, *, status: int = 200) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def store_scores(client: httpx.AsyncClient, *batches: list[dict[str, Any]]) -> None:
    sent = [score for batch in batches for score in batch]
    assert (await post(client, "/api/v1/scores", {"scores": sent}))["rejected"] == []


async def thumbs(collector: Collector, **projects: str) -> None:
    """A thumb up on every trace `up…`, down on every `down…`, as the API would store them."""
    await collector.store.insert(
        "feedback",
        [
            {"Project": projects.get(sign, ""), "Name": "thumbs", "TraceId": trace_id(f"{sign}{place}"),
             "Value": value, "Seq": collector.store.next_seq()}
            for sign, value in (("up", 1.0), ("down", -1.0))
            for place in range(SIDE)
        ],
    )  # fmt: skip


async def test_stored_scores_are_calibrated_on_stored_feedback(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    await store_scores(
        client,
        scored("groundedness", HIGH, sign="up", version="8"),
        scored("groundedness", HIGH, sign="up"),
        scored("groundedness", LOW, sign="down"),
        scored("groundedness", [0.1], sign="without a label"),
        scored("groundedness", [0.5], sign="person", source="human"),
    )
    await thumbs(collector)

    made = await post(client, CALIBRATIONS, {"name": "groundedness", "labels": "feedback.thumbs"})

    of = made["calibration"]
    assert (of["evaluator"], of["version"], of["scored_by"]) == ("groundedness", "9", "lexical")
    assert (of["n_true"], of["n_false"], made["other_versions"]) == (SIDE, SIDE, SIDE)
    assert sum(LOW) / SIDE < of["threshold"] < sum(HIGH) / SIDE
    assert (made["proven"], of["balanced_accuracy"] > 0.7, of["ece"] < 0.2) == (True, True, True)
    assert of["kappa"]["low"] < of["kappa"]["value"] < of["kappa"]["high"]
    (listed,) = (await client.get(CALIBRATIONS)).json()["calibrations"]
    assert listed == {key: made[key] for key in listed}


async def test_scores_of_people_are_labels_in_the_evaluators_sense(client: httpx.AsyncClient) -> None:
    people = {"source": "human", "evaluator": "jane", "version": "", "method": "reading"}
    await store_scores(
        client,
        scored("hallucination_score", HIGH, sign="a"),
        scored("hallucination_score", LOW, sign="b"),
        scored("hallucination_score", [1.0] * SIDE, sign="a", **people),
        scored("hallucination_score", [0.0] * SIDE, sign="b", **people),
    )

    made = await post(client, CALIBRATIONS, {"name": "hallucination_score", "method": "isotonic"})

    assert (made["labels"], made["proven"], made["calibration"]["method"]) == ("human", True, "isotonic")
    assert made["calibration"]["probabilities"] == sorted(made["calibration"]["probabilities"])


async def test_every_score_of_the_evaluator_shows_its_probability_and_no_other_does(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    await collector.store.insert("traces", [trace("up0", Project="shop")])
    await store_scores(
        client,
        scored("groundedness", HIGH, sign="up"),
        scored("groundedness", LOW, sign="down"),
        scored("groundedness", [0.3], sign="up", version="8"),
    )
    await thumbs(collector)
    before = (await client.get("/api/v1/scores")).json()["scores"]
    await post(client, CALIBRATIONS, {"name": "groundedness", "labels": "feedback.thumbs"})

    listed = (await client.get("/api/v1/scores?limit=500")).json()["scores"]
    one = (await client.get(f"/api/v1/traces/{trace_id('up0')}")).json()
    many = (await client.get("/api/v1/traces")).json()["traces"]
    page = await client.get(f"/traces/{trace_id('up0')}")

    assert {each["probability"] for each in before} == {None}
    ours = sorted((each for each in listed if each["version"] == "9"), key=lambda each: each["score"])
    shown = [each["probability"] for each in ours]
    assert shown == sorted(shown)
    assert 0.0 < shown[0] < 0.5 < shown[-1] < 1.0
    assert {each["version"]: each["probability"] is None for each in one["scores"]} == {"8": True, "9": False}
    assert many[0]["scores"] == one["scores"]
    assert page.text.count(">probability 0.") == 1


async def test_scores_to_come_are_read_against_the_calibrated_threshold(
    client: httpx.AsyncClient, collector: Collector, send: Send
) -> None:
    evaluator = loadable()["groundedness"]
    made_by = {"version": evaluator.version, "method": evaluator.method}
    await store_scores(
        client,
        scored("groundedness", [0.9 + score / 10 for score in HIGH], sign="up", **made_by),
        scored("groundedness", [0.8 + score / 10 for score in LOW], sign="down", **made_by),
    )
    await thumbs(collector)
    run = {"evaluators": ["groundedness", "hallucination_score"]}
    await send(rag_trace(1, answer=CONTEXT))
    await work_off(client, (await post(client, "/api/v1/jobs/runs", run))["run"])
    made = await post(client, CALIBRATIONS, {"name": "groundedness", "labels": "feedback.thumbs"})
    await send(rag_trace(2, answer=CONTEXT))
    await work_off(client, (await post(client, "/api/v1/jobs/runs", run))["run"])

    found = {
        (each["trace_id"][-1], each["name"]): each["threshold"]
        for number in (1, 2)
        for each in (await client.get(f"/api/v1/traces/{number:032x}")).json()["scores"]
    }
    assert found == {
        ("1", "groundedness"): evaluator.threshold,
        ("1", "hallucination_score"): 0.5,
        ("2", "groundedness"): made["calibration"]["threshold"],
        ("2", "hallucination_score"): 0.5,
    }
    assert made["calibration"]["threshold"] > 0.8


async def test_a_projects_calibration_is_its_own_and_stands_over_that_of_all(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    places = [f"{sign}{place}" for sign in ("up", "down") for place in range(SIDE)]
    await collector.store.insert("traces", [trace(each, Project="shop") for each in places])
    await store_scores(
        client, scored("groundedness", HIGH, sign="up"), scored("groundedness", LOW, sign="down")
    )
    await thumbs(collector, up="shop")
    asked = {"name": "groundedness", "labels": "feedback.thumbs"}

    other = await client.post(CALIBRATIONS, json=asked | {"project": "library"})
    await post(client, "/api/v1/cohorts/saved", {"name": "none", "expression": "user = 'nobody'"})
    none = await client.post(CALIBRATIONS, json=asked | {"project": "shop", "cohort": "none"})
    shop = await post(client, CALIBRATIONS, asked | {"project": "shop"})

    assert (other.status_code, other.json()["error"]["code"]) == (400, "no_labels")
    assert (none.status_code, none.json()["error"]["code"]) == (400, "no_labels")
    assert (shop["project"], shop["calibration"]["n_true"]) == ("shop", SIDE)
    await collector.store.insert("traces", [trace("elsewhere", Project="library")])
    await store_scores(client, scored("groundedness", [0.9], sign="elsewher", trace_id=trace_id("elsewhere")))
    shown = (await client.get("/api/v1/scores?limit=500")).json()["scores"]
    assert {(each["project"], each["probability"] is None) for each in shown} == {
        ("shop", False),
        ("library", True),
    }


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        pytest.param({"labels": "thumbs"}, "invalid_labels", "'human' or 'feedback.NAME', got 'thumbs'", id="labels"),
        pytest.param({"labels": "feedback.thumbs"}, "no_labels", "no trace has both a score 'groundedness'", id="none"),
        pytest.param({}, "too_few_labels", "at least 50 labels of each kind, got 1 true and 0 false", id="few"),
        pytest.param({"where": "encodr = 'x'"}, "invalid_where", "encodr", id="where"),
        pytest.param({"cohort": "vips"}, "unknown_cohort", "no cohort is saved as 'vips'", id="cohort"),
        pytest.param({"since": "yesterday"}, "invalid_time", "since", id="since"),
    ],
)  # fmt: skip
async def test_what_cannot_be_calibrated_is_said_and_not_kept(
    client: httpx.AsyncClient, body: dict[str, str], code: str, says: str
) -> None:
    await store_scores(
        client,
        scored("groundedness", [0.9], sign="a"),
        scored("groundedness", [1.0], sign="a", source="human", evaluator="jane"),
    )

    answer = await client.post(CALIBRATIONS, json={"name": "groundedness"} | body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert says in answer.json()["error"]["message"]
    assert (await client.get(CALIBRATIONS)).json() == {"calibrations": []}


async def test_cases_to_ask_again_are_those_whose_inputs_are_still_what_was_scored(
    client: httpx.AsyncClient, send: Send
) -> None:
    evaluator = loadable()["groundedness"]
    for number in (1, 2, 3):
        await send(rag_trace(number, answer="Refunds are possible within 30 days."))
    await send(rag_trace(4, answer=""))
    await work_off(client, (await post(client, "/api/v1/jobs/runs", {"evaluators": ["groundedness"]}))["run"])
    late = {"reranker.output_documents.0.document.content": "Something else."}
    await send(
        [
            {
                "trace_id": f"{3:032x}",
                "parent_span_id": f"{3:08x}00000000",
                "kind": "RERANKER",
                "attributes": late,
            }
        ]
    )

    asked = {"name": "groundedness", "version": evaluator.version}
    found = (await client.get(f"{CALIBRATIONS}/first-runs", params=asked)).json()
    two = (await client.get(f"{CALIBRATIONS}/first-runs", params=asked | {"limit": "2"})).json()
    other = (await client.get(f"{CALIBRATIONS}/first-runs", params=asked | {"version": "0"})).json()

    runs = [FirstRun.model_validate(each) for each in found["runs"]]
    assert sorted(run.case.trace_id[-1] for run in runs) == ["1", "2"]
    assert [evaluator.evaluate_case(case_of(run.case)).score for run in runs] == [run.score for run in runs]
    assert (found["threshold"], len(two["runs"]), other["runs"]) == (None, 1, [])
