"""POST /api/v1/sql on the real engine: what is asked is answered, and nothing else is reached."""

from pathlib import Path

import httpx
import pytest

from groundtrace_collector.datasets.row import Row
from groundtrace_collector.datasets.shelf import Shelf
from groundtrace_collector.errors import ApiError, StoreError
from groundtrace_collector.query.sql_functions import FUNCTIONS, TAKING_A_FUNCTION
from groundtrace_collector.query.user_sql import run_user_sql
from groundtrace_collector.store.store import Store
from tests.collector.conftest import Send
from tests.collector.query.sql_escapes import FILTERED, REFUSED

TRACE, OTHER_TRACE = "11" * 16, "22" * 16
SECRET = "the-secret-of-the-other-project"  # noqa: S105


async def _ask(client: httpx.AsyncClient, sql: str) -> httpx.Response:
    return await client.post("/api/v1/sql", json={"sql": sql})


@pytest.fixture
async def two_projects(send: Send, store: Store) -> None:
    shelf = Shelf(store)
    for trace_id, project, query in ((TRACE, "mine", "my question"), (OTHER_TRACE, "other", SECRET)):
        attributes = {"openinference.project.name": project, "input.value": query, "metadata": '{"n": 1}'}
        await send([{"trace_id": trace_id, "kind": "CHAIN", "attributes": attributes}])
        upload = shelf.open("golden")
        await shelf.put(project, "golden", upload, [Row(query=query), Row(query=f"{query}?")])
        await shelf.complete(project, "golden", upload, append=False, source=query)


@pytest.mark.usefixtures("two_projects")
async def test_a_select_gives_columns_and_rows(client: httpx.AsyncClient) -> None:
    answer = await _ask(
        client, "SELECT Query, Metadata, StartedAt > '2020-01-01' AS new FROM traces ORDER BY Query"
    )

    assert answer.json() == {
        "columns": ["Query", "Metadata", "new"],
        "rows": [
            {"Query": "my question", "Metadata": {"n": "1"}, "new": 1},
            {"Query": SECRET, "Metadata": {"n": "1"}, "new": 1},
        ],
    }


@pytest.mark.usefixtures("two_projects")
async def test_the_rows_of_a_datasets_version_are_asked_in_sql(client: httpx.AsyncClient) -> None:
    answer = await _ask(
        client,
        "SELECT d.Name, d.Version, r.Query, m.Digest AS Digest FROM datasets AS d"
        " JOIN dataset_members AS m ON m.Project = d.Project AND m.Upload = d.Upload"
        " JOIN dataset_rows AS r ON r.Project = m.Project AND r.Digest = m.Digest"
        " WHERE d.Project = 'mine' ORDER BY m.Place",
    )

    rows = answer.json()["rows"]
    assert [(row["Name"], row["Version"], row["Query"]) for row in rows] == [
        ("golden", 1, "my question"),
        ("golden", 1, "my question?"),
    ]
    assert rows[0]["Digest"] == Row(query="my question").digest


async def test_an_answer_without_rows_is_an_answer(client: httpx.AsyncClient) -> None:
    answer = await _ask(client, "SELECT TraceId FROM traces")

    assert answer.status_code == 200
    assert answer.json()["rows"] == []


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        pytest.param("SELECT 1 INTO OUTFILE '/tmp/x'", "not one SELECT", id="outfile"),
        pytest.param("SELECT NoSuch FROM traces", "NoSuch", id="unknown column"),
        pytest.param("SELECT arrayReduce('sum', [1])", "arrayReduce is not taken", id="function"),
        pytest.param(
            f"SELECT arrayJoin(splitByChar(',', '{',' * 10_000}'))",
            "more than 10000 rows; add a LIMIT",
            id="too many rows",
        ),
    ],
)
async def test_what_cannot_be_answered_says_why(client: httpx.AsyncClient, sql: str, says: str) -> None:
    answer = await _ask(client, sql)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_sql"
    assert says in answer.json()["error"]["message"]


@pytest.mark.usefixtures("two_projects")
async def test_no_way_out_reaches_files_or_another_project(store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    reached = []
    for text in [*REFUSED, *FILTERED]:
        try:
            answer = await run_user_sql(
                store, text.replace("SECRET", str(secret)).replace("OTHER", "other"), project="mine"
            )
        except ApiError:
            continue
        if SECRET in str(answer):
            reached.append(text)

    assert reached == []
    assert secret.read_text() == SECRET
    assert (await store.query("SELECT count() AS n FROM traces FINAL"))[0]["n"] == 2


@pytest.mark.parametrize("project", [None, "mine"])
async def test_percent_signs_are_taken_as_written(store: Store, project: str | None) -> None:
    answer = await run_user_sql(
        store, "SELECT formatDateTime(toDate('2026-01-31'), '%Y%%') AS y", project=project
    )

    assert answer["rows"] == [{"y": "2026%"}]


async def test_users_are_asked_for_by_name(send: Send, store: Store) -> None:
    await send([{"trace_id": TRACE, "attributes": {"user.id": "u1"}}])

    answer = await run_user_sql(store, "SELECT User, COUNT(*) AS n FROM traces GROUP BY User", project=None)

    assert answer["rows"] == [{"User": "u1", "n": 1}]


@pytest.mark.verify
async def test_no_bare_name_calls_a_function_that_tells_of_the_server(store: Store) -> None:
    functions = [row["name"] for row in await store.query("SELECT name FROM system.functions")]
    told = {}
    for name in {form for each in functions for form in (each, each.upper(), each.title())}:
        try:
            told[name] = (await run_user_sql(store, f'SELECT "{name}" AS told', project=None))["rows"][0][
                "told"
            ]
        except ApiError:
            continue

    clocks = {"now", "today", "curdate", "current_date", "current_timestamp", "localtime", "localtimestamp"}
    assert {name.lower() for name in told} <= clocks


async def test_the_handle_itself_writes_nothing(store: Store) -> None:
    for text in ("DROP TABLE traces", "INSERT INTO scores (Name) VALUES ('x')", "SET readonly = 0"):
        with pytest.raises(StoreError):
            await store.user_sql.run(lambda driver, text=text: driver.command(text))  # type: ignore[misc]


@pytest.mark.usefixtures("two_projects")
@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        pytest.param(
            "SELECT key, count() AS n FROM traces ARRAY JOIN mapKeys(Metadata) AS key GROUP BY key",
            [{"key": "n", "n": 2}],
            id="array join",
        ),
        pytest.param(
            "SELECT Query, tag, place FROM traces FINAL LEFT ARRAY JOIN Tags AS tag, arrayEnumerate(Tags) AS place"
            " ORDER BY Query LIMIT 1 BY tag",
            [{"Query": "my question", "tag": "", "place": 0}],
            id="left array join",
        ),
        pytest.param(
            "SELECT a, b FROM (SELECT 1 AS a, 5 AS b) ORDER BY a WITH FILL FROM 0 TO 3 STEP 1 INTERPOLATE (b AS b + 1)",
            [{"a": 0, "b": 1}, {"a": 1, "b": 5}, {"a": 2, "b": 6}],
            id="with fill",
        ),
        pytest.param(
            "SELECT Project, count() AS n FROM traces GROUP BY Project WITH ROLLUP ORDER BY Project",
            [{"Project": "", "n": 2}, {"Project": "mine", "n": 1}, {"Project": "other", "n": 1}],
            id="rollup",
        ),
        pytest.param(
            "SELECT Project, count() AS n FROM traces GROUP BY GROUPING SETS ((Project), ()) ORDER BY n DESC LIMIT 1",
            [{"Project": "", "n": 2}],
            id="grouping sets",
        ),
        pytest.param(
            "SELECT Project FROM traces QUALIFY row_number() OVER (ORDER BY Project DESC) = 1",
            [{"Project": "other"}],
            id="qualify",
        ),
        pytest.param(
            'SELECT count() AS "Anzahl (Größe, %)", sum("p99/ms") AS total FROM (SELECT 1 AS "p99/ms")',
            [{"Anzahl (Größe, %)": 1, "total": 1}],
            id="headings",
        ),
        pytest.param(
            "SELECT EXTRACT(YEAR FROM toDate('2026-11-22')) AS y, MONTH(toDate('2026-11-22')) AS m, range(3) AS r,"
            " groupConcat(', ')(Project) != '' AS c, bar(1, 0, 2, 2) AS b, avgOrDefault(DurationNs) >= 0 AS d"
            " FROM traces",
            [{"y": 2026, "m": 11, "r": [0, 1, 2], "c": 1, "b": "█", "d": 1}],
            id="functions",
        ),
    ],
)
async def test_clauses_that_analysts_write_are_answered(
    client: httpx.AsyncClient, sql: str, rows: list[dict[str, object]]
) -> None:
    answer = await _ask(client, sql)

    assert answer.json().get("rows") == rows, answer.text


@pytest.mark.verify
async def test_no_other_function_calls_one_by_its_bare_name(store: Store) -> None:
    # The engine would call `identity` for those that take a function; for the rest it is no column's name.
    called = set()
    for name in FUNCTIONS - {"groupConcat"}:  # whose second argument is a text
        try:
            await store.query(f"SELECT {name}(identity, [1])")
            called.add(name)
        except StoreError as error:
            if "UNKNOWN_IDENTIFIER" not in str(error) and "UNKNOWN_FUNCTION" not in str(error):
                called.add(name)

    assert called <= TAKING_A_FUNCTION
