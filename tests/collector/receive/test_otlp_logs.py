"""`/v1/logs`: evaluation results become scores, and what is not kept is said."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from groundtrace_collector.access.key import Role
from groundtrace_collector.collector import Collector
from tests.collector.conftest import Send
from tests.collector.otlp import any_value, new_trace_id

PROTOBUF = {"content-type": "application/x-protobuf"}
SPAN = "00f067aa0ba902b7"
RESULT = {
    "gen_ai.evaluation.name": "Relevance",
    "gen_ai.evaluation.score.value": 0.25,
    "gen_ai.evaluation.score.label": "fail",
    "gen_ai.evaluation.explanation": "off the subject",
}


def record(trace_id: str, attributes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "trace_id": trace_id,
        "event_name": "gen_ai.evaluation.result",
        **fields,
        "attributes": attributes,
    }


def request(*records: dict[str, Any], resource: dict[str, Any] | None = None) -> ExportLogsServiceRequest:
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    for key, value in (resource or {}).items():
        group.resource.attributes.append(KeyValue(key=key, value=any_value(value)))
    scope = group.scope_logs.add()
    for given in records:
        made = scope.log_records.add(event_name=given["event_name"])
        made.trace_id = bytes.fromhex(given["trace_id"])
        made.span_id = bytes.fromhex(given.get("span_id", ""))
        for key, value in given["attributes"].items():
            made.attributes.append(KeyValue(key=key, value=any_value(value)))
    return message


def as_json(message: ExportLogsServiceRequest) -> str:
    """OTLP/JSON: ids are hexadecimal, unlike protobuf's own JSON."""
    body = MessageToDict(message)
    records = [
        each for group in message.resource_logs for scope in group.scope_logs for each in scope.log_records
    ]
    shown = [
        each for group in body["resourceLogs"] for scope in group["scopeLogs"] for each in scope["logRecords"]
    ]
    for made, given in zip(records, shown, strict=True):
        given["traceId"], given["spanId"] = made.trace_id.hex(), made.span_id.hex()
    return json.dumps(body)


async def post(
    client: httpx.AsyncClient, message: ExportLogsServiceRequest, **headers: str
) -> ExportLogsServiceResponse:
    answer = await client.post(
        "/v1/logs", content=message.SerializeToString(), headers={**PROTOBUF, **headers}
    )
    assert answer.status_code == 200, answer.content
    return ExportLogsServiceResponse.FromString(answer.content)


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
async def test_an_evaluation_result_is_a_score_of_its_span(
    client: httpx.AsyncClient, send: Send, encoding: str
) -> None:
    trace_id = new_trace_id()
    await send([{"trace_id": trace_id, "span_id": SPAN}])
    message = request(record(trace_id, RESULT, span_id=SPAN))

    if encoding == "json":
        answer = await client.post(
            "/v1/logs", content=as_json(message), headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()) == (200, {})
    else:
        assert not (await post(client, message)).partial_success.rejected_log_records

    (score,) = (await client.get(f"/api/v1/traces/{trace_id}")).json()["scores"]
    assert (score["name"], score["score"], score["label"]) == ("Relevance", 0.25, "fail")
    assert (score["explanation"], score["span_id"]) == ("off the subject", SPAN)
    assert (score["source"], score["status"]) == ("api", "ok")


async def test_a_result_without_a_span_is_one_of_the_trace(client: httpx.AsyncClient, send: Send) -> None:
    trace_id = new_trace_id()
    await send([{"trace_id": trace_id}])

    await post(client, request(record(trace_id, RESULT)))

    (score,) = (await client.get(f"/api/v1/traces/{trace_id}")).json()["scores"]
    assert score["span_id"] is None


async def test_the_event_may_be_named_in_an_attribute(client: httpx.AsyncClient) -> None:
    attributes = {**RESULT, "event.name": "gen_ai.evaluation.result"}

    await post(client, request(record(new_trace_id(), attributes, event_name="")))

    assert len((await client.get("/api/v1/scores")).json()["scores"]) == 1


async def test_a_failed_evaluation_is_a_status_and_no_number(client: httpx.AsyncClient) -> None:
    attributes = {"gen_ai.evaluation.name": "Relevance", "error.type": "RateLimitError"}

    await post(client, request(record(new_trace_id(), attributes)))

    (score,) = (await client.get("/api/v1/scores")).json()["scores"]
    assert (score["status"], score["score"], score["explanation"]) == ("error", None, "RateLimitError")


async def test_what_is_not_kept_is_said(client: httpx.AsyncClient) -> None:
    trace_id = new_trace_id()
    answer = await post(
        client,
        request(
            record(trace_id, RESULT),
            record(trace_id, {"x": 1}, event_name="something"),
            record(trace_id, {"x": 1}, event_name=""),
            record(trace_id, {**RESULT, "gen_ai.evaluation.score.value": 7.0}),
            record("", RESULT),
        ),
    )

    partial = answer.partial_success
    assert partial.rejected_log_records == 4
    assert "2 refused: only gen_ai.evaluation.result events are kept, as scores" in partial.error_message
    assert "score: Input should be less than or equal to 1" in partial.error_message
    assert "trace_id must be 32 hexadecimal digits" in partial.error_message
    assert len((await client.get("/api/v1/scores")).json()["scores"]) == 1


async def test_a_repeated_request_is_one_score(client: httpx.AsyncClient) -> None:
    message = request(record(new_trace_id(), RESULT))

    await post(client, message)
    await post(client, message)

    assert len((await client.get("/api/v1/scores")).json()["scores"]) == 1


async def test_a_bound_key_scores_in_its_own_project_only(
    client: httpx.AsyncClient, collector: Collector
) -> None:
    _, token = await collector.keys.create(name="app", role=Role.INGEST, project="shop")
    bearer = {"authorization": f"Bearer {token}"}
    message = request(record(new_trace_id(), RESULT))
    foreign = request(record(new_trace_id(), RESULT), resource={"openinference.project.name": "theirs"})

    await post(client, message, **bearer)
    answer = await post(client, foreign, **bearer)

    assert answer.partial_success.rejected_log_records == 1
    assert "the key is bound to 'shop'" in answer.partial_success.error_message
    assert await collector.store.query("SELECT Project FROM scores FINAL") == [{"Project": "shop"}]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [(b"\xff", "application/x-protobuf", 400), (b"{", "application/json", 400), (b"", "text/plain", 415)],
)
async def test_other_bodies_are_refused(
    client: httpx.AsyncClient, content: bytes, media_type: str, status: int
) -> None:
    answer = await client.post("/v1/logs", content=content, headers={"content-type": media_type})

    assert answer.status_code == status


async def test_of_many_reasons_the_commonest_are_told(client: httpx.AsyncClient) -> None:
    records = [record(f"{number:04x}", RESULT) for number in (*range(1, 31), 1)]
    answer = await client.post("/v1/logs", content=request(*records).SerializeToString(), headers=PROTOBUF)

    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_log_records == 31
    assert partial.error_message.startswith("2 refused: trace_id: trace_id must be 32 hexadecimal digits")
    assert partial.error_message.endswith("; 20 refused for other reasons")
