"""Keys: what is kept of them, and what each may do."""

from __future__ import annotations

import pytest

from groundtrace_collector.access.key import Role, digest_of, new_salt, new_token, prefix_of
from groundtrace_collector.access.keyring import Keyring, bearer_token
from groundtrace_collector.errors import ApiError
from groundtrace_collector.store.store import Store
from tests.collector.access.conftest import PROTOBUF, Door, bearer, spans_of

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_token_is_known_by_its_prefix_and_by_nothing_that_is_kept() -> None:
    token, other = new_token(), new_token()

    assert token.startswith(prefix_of(token) or "?")
    assert token != other
    assert prefix_of(token[:-1]) is None
    assert digest_of(token, new_salt()) != digest_of(token, new_salt())


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer gt_x", "gt_x"), ("bearer  gt_x ", "gt_x"), ("Basic gt_x", ""), ("gt_x", ""), ("", "")],
)
def test_a_token_comes_as_a_bearer_and_in_no_other_way(header: str, token: str) -> None:
    assert bearer_token([header]) == token


async def test_the_store_holds_no_token(store: Store) -> None:
    _, token = await Keyring(store, shared=False).create(name="app", role=Role.INGEST, project="shop")

    (row,) = await store.query("SELECT * FROM api_keys")

    assert row["Name"] == "app"
    assert token not in str(row)
    assert token.rpartition("_")[2] not in str(row)


async def test_keys_outlive_the_process(store: Store) -> None:
    _, token = await Keyring(store, shared=False).create(name="app", role=Role.READ, project="shop")

    caller = await Keyring(store, shared=False).caller(token)

    assert (caller.name, caller.role, caller.project) == ("app", Role.READ, "shop")


async def test_a_key_that_another_collector_revoked_is_refused_after_a_while(store: Store) -> None:
    clock = [0.0]
    here = Keyring(store, shared=True, monotonic=lambda: clock[0])
    there = Keyring(store, shared=True)
    _, token = await here.create(name="app", role=Role.READ, project=None)
    await there.revoke("app")
    assert (await here.caller(token)).name == "app"

    clock[0] = 11.0

    with pytest.raises(ApiError, match="revoked"):
        await here.caller(token)


async def test_a_store_without_keys_lets_everyone_do_everything(door: Door) -> None:
    assert (await door.client.get("/api/v1/traces")).status_code == 200
    assert (await door.client.get("/api/v1/keys")).json() == {"keys": []}


async def test_the_first_key_closes_the_door(door: Door) -> None:
    await door.token(Role.INGEST)

    refused = await door.client.get("/api/v1/traces")

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.json()["error"]["code"] == "unauthorized"
    assert "GROUNDTRACE_API_KEY" in refused.json()["error"]["message"]


async def test_revoking_the_last_key_opens_nothing(door: Door) -> None:
    token = await door.token(Role.ADMIN)
    prefix = prefix_of(token)
    answer = await door.client.delete(f"/api/v1/keys/{prefix}", headers=bearer(token))
    assert answer.status_code == 200

    refused = await door.client.get("/api/v1/traces", headers=bearer(token))

    assert refused.status_code == 401
    assert "revoked" in refused.json()["error"]["message"]
    assert (await door.client.get("/api/v1/traces")).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "roles"),
    [
        ("GET", "/api/v1/traces", {Role.READ, Role.ADMIN}),
        ("GET", "/", {Role.READ, Role.ADMIN}),
        ("GET", "/openapi.json", {Role.READ, Role.ADMIN}),
        ("GET", "/api/v1/keys", {Role.ADMIN}),
        ("POST", "/api/v1/sql", {Role.READ, Role.ADMIN}),
        ("POST", "/api/v1/jobs", {Role.ADMIN}),
        ("POST", "/api/v1/jobs/claim", {Role.ADMIN}),
        ("POST", "/api/v1/cohorts/saved", {Role.ADMIN}),
        ("DELETE", "/api/v1/cohorts/saved/x", {Role.ADMIN}),
        ("POST", "/api/v1/scores", {Role.INGEST, Role.ADMIN}),
        ("POST", "/api/v1/feedback", {Role.INGEST, Role.ADMIN}),
        ("POST", "/v1/traces", {Role.INGEST, Role.ADMIN}),
        ("POST", "/something/new", {Role.ADMIN}),
    ],
)
async def test_a_role_does_what_it_is_for(door: Door, method: str, path: str, roles: set[Role]) -> None:
    allowed = set()
    for role in Role:
        answer = await door.client.request(method, path, headers=bearer(await door.token(role)))
        if answer.status_code != 403:
            allowed.add(role)

    assert allowed == roles


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/favicon.ico", "/static/groundtrace.css", "/login"])
async def test_health_and_static_files_need_no_key(door: Door, path: str) -> None:
    await door.token(Role.ADMIN)

    assert (await door.client.get(path)).status_code == 200


async def test_a_refused_sender_is_told_in_its_own_protocol(door: Door) -> None:
    from google.rpc.status_pb2 import Status

    await door.token(Role.ADMIN)

    answer = await door.client.post("/v1/traces", content=spans_of(TRACE, "owl"), headers=PROTOBUF)

    assert answer.status_code == 401
    assert Status.FromString(answer.content).code == 16
    assert "no API key" in Status.FromString(answer.content).message


async def test_a_key_is_made_listed_and_revoked_over_the_api(door: Door) -> None:
    made = (await door.client.post("/api/v1/keys", json={"name": "app", "role": "admin"})).json()
    headers = bearer(made["key"])

    listed = (await door.client.get("/api/v1/keys", headers=headers)).json()["keys"]

    assert [key["prefix"] for key in listed] == [made["prefix"]]
    assert "key" not in listed[0]
    assert (await door.client.delete("/api/v1/keys/app", headers=headers)).json()["revoked_at"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"name": "app"}, 409, "app"),
        ({"name": ""}, 400, "name"),
        ({"name": "x", "project": ""}, 400, "project"),
        ({"name": "x", "project": "p" * 65}, 400, "64"),
        ({"name": "x", "role": "root"}, 422, "role"),
    ],
)
async def test_a_wrong_key_is_refused_with_the_reason(
    door: Door, body: dict[str, str], status: int, words: str
) -> None:
    _, token = await door.collector.keys.create(name="app", role=Role.ADMIN, project=None)

    answer = await door.client.post("/api/v1/keys", json=body, headers=bearer(token))

    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


async def test_a_browser_without_a_key_is_sent_to_the_login(door: Door) -> None:
    await door.token(Role.ADMIN)

    answer = await door.client.get("/cohorts?by=route", headers={"accept": "text/html"})

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fcohorts%3Fby%3Droute"


async def test_a_login_gives_the_browser_a_cookie_that_opens_the_pages(door: Door) -> None:
    token = await door.token(Role.READ)

    answer = await door.client.post("/login", data={"key": token, "next": "/cohorts"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/cohorts")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert (await door.client.get("/cohorts")).status_code == 200
    await door.client.post("/logout")
    assert (await door.client.get("/cohorts")).status_code == 401


@pytest.mark.parametrize("role", [None, Role.INGEST])
async def test_a_login_with_another_key_is_refused(door: Door, role: Role | None) -> None:
    token = await door.token(role) if role else "gt_00000000_" + "0" * 48
    await door.token(Role.ADMIN)

    answer = await door.client.post("/login", data={"key": token, "next": "/"})

    assert answer.status_code in {401, 403}
    assert "set-cookie" not in answer.headers
    assert token not in answer.text


async def test_a_login_leads_to_no_other_server(door: Door) -> None:
    token = await door.token(Role.READ)

    answer = await door.client.post("/login", data={"key": token, "next": "//evil.example/x"})

    assert answer.headers["location"] == "/"


async def test_a_cookie_sends_no_spans(door: Door) -> None:
    token = await door.token(Role.ADMIN)
    await door.client.post("/login", data={"key": token})

    answer = await door.client.post("/v1/traces", content=spans_of(TRACE, "owl"), headers=PROTOBUF)

    assert answer.status_code == 401
