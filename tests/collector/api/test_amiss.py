"""What reaches no handler is told what is amiss: the place, the value, what to send instead."""

from typing import Any

import httpx
import pytest

JSON = {"content-type": "application/json"}


def message(answer: httpx.Response) -> str:
    said: dict[str, Any] = answer.json()
    return str(said["error"]["message"] if "error" in said else said["message"])


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/metrics", "/api/v1/traces"])
async def test_head_is_answered_as_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    asked, headed = await client.get(path), await client.head(path)

    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-type"] == asked.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/nope", 404, "there is nothing at '/nope': spans go to /v1/traces, and /docs lists the API"),
        ("GET", "//v1/traces", 404, "there is nothing at '//v1/traces': spans go to /v1/traces, and"),
        ("POST", "/v1/metrics", 404, "metrics are not kept here, only spans (/v1/traces) and evaluation"),
        ("GET", "/v1/traces", 405, "GET is not taken at '/v1/traces': send POST"),
        ("DELETE", "/api/v1/traces", 405, "DELETE is not taken at '/api/v1/traces': send GET"),
    ],
)
async def test_a_place_that_there_is_not_names_the_way(
    client: httpx.AsyncClient, method: str, path: str, status: int, says: str
) -> None:
    answer = await client.request(method, f"http://127.0.0.1{path}", headers=JSON)

    assert answer.status_code == status
    assert message(answer).startswith(says)


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        pytest.param(b"{", JSON, "the body is not JSON: Expecting property name", id="no-json"),
        pytest.param(b"", JSON, "the body is missing: send application/json", id="nothing"),
        pytest.param(b"[]", JSON, "the body: Input should be a valid dictionary", id="no-object"),
        pytest.param(b'{"sql": 5}', JSON, "sql: Input should be a valid string, got 5", id="wrong-type"),
        pytest.param(b'{"sq": "x"}', JSON, "sql: Field required", id="misspelt"),
        pytest.param(
            b'{"sql": "SELECT 1"}',
            {"content-type": "text/plain"},
            "Content-Type 'text/plain': send application/json",
            id="wrong-content-type",
        ),
    ],
)
async def test_a_body_that_is_wrong_is_told_how(
    client: httpx.AsyncClient, body: bytes, headers: dict[str, str], says: str
) -> None:
    answer = await client.post("/api/v1/sql", content=body, headers=headers)

    assert answer.status_code == 422
    assert message(answer).startswith(says)


async def test_a_body_larger_than_is_taken_is_not_read(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/scores", content=b"{}", headers={**JSON, "content-length": str(65 << 20)}
    )

    assert answer.status_code == 413
    assert message(answer) == f"the body has {65 << 20} bytes; at most {64 << 20} are taken"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/api/v1/traces?wher=x", "unknown parameter 'wher'; did you mean where? there are cohort, cursor, "),
        ("/api/v1/metrics/nope?x=1", "there is nothing at"),
        ("/api/v1/traces/count?limit=5", "unknown parameter 'limit'; there are cohort, since, until, where"),
    ],
)
async def test_a_parameter_that_there_is_not_is_refused(
    client: httpx.AsyncClient, path: str, says: str
) -> None:
    answer = await client.get(path)

    assert answer.status_code in {400, 404}
    assert message(answer).startswith(says)


async def test_a_pages_own_parameters_are_its_own(client: httpx.AsyncClient) -> None:
    assert (await client.get("/?utm_source=mail")).status_code == 200
