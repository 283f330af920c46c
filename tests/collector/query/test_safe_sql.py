"""What the SQL endpoint lets through, and what it refuses before the engine sees anything."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_collector.errors import ApiError
from groundtrace_collector.query.safe_sql import TABLES, make_safe
from tests.collector.query.sql_escapes import FILTERED, REFUSED


def test_there_are_at_least_150_ways_out_on_the_list() -> None:
    assert len(set(REFUSED)) >= 150


@pytest.mark.parametrize("text", REFUSED)
def test_a_way_out_is_refused_before_it_reaches_the_engine(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        make_safe(text, project="mine")

    assert refused.value.status == 400


@pytest.mark.parametrize("text", FILTERED)
def test_every_table_read_is_filtered_to_the_project(text: str) -> None:
    try:
        safe = make_safe(text, project="mine")
    except ApiError:
        return

    reads = sum(safe.statement.count(f'FROM "{table}"') for table in TABLES)
    assert safe.statement.count("{project: String}") >= reads
    assert safe.parameters == ({"project": "mine"} if "{project: String}" in safe.statement else {})


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count() FROM traces",
        "SELECT Encoder, quantile(0.99)(DurationNs) AS p99 FROM traces GROUP BY Encoder ORDER BY p99",
        "SELECT Metadata['doc_family'] AS family, countIf(Status = 'error') FROM traces GROUP BY family",
        "SELECT t.Query, s.Score FROM traces t JOIN scores s ON s.TraceId = t.TraceId WHERE s.Score < 0.5",
        "WITH slow AS (SELECT * FROM traces WHERE DurationNs > 1e9) SELECT count() FROM slow",
        "SELECT toStartOfHour(StartedAt) AS hour, uniqExact(Session) FROM traces GROUP BY hour",
        "SELECT arrayJoin(RetrievedIds) AS d, count() FROM traces GROUP BY d ORDER BY count() DESC LIMIT 5",
        "SELECT if(Status IN ('ok', 'unset'), 1, 0), CAST(SpanCount AS Float64) FROM traces",
        "SELECT length(RetrievedIds), date_trunc('hour', StartedAt), any(Query), trim(Answer) FROM traces GROUP BY ALL",
        "SELECT ceil(DurationNs / 1e9), floor(CostUsd), initcap(Service) FROM traces",
        "SELECT COUNT(*), SUM(DurationNs), Avg(SpanCount), MAX(Query), COALESCE(CostUsd, 0), NOW() FROM traces",
        "SELECT arrayMap(toString, SpanNs), arraySort((id, ns) -> ns, SpanKinds, SpanNs), arraySum(SpanNs) FROM traces",
        "SELECT CAST(StartedAt, 'DateTime64(3)'), CAST(Metadata, 'Map(String, String)') FROM traces",
        "SELECT CASE WHEN Incomplete THEN 'late' ELSE 'whole' END FROM traces -- a comment",
    ],
)
def test_what_people_ask_is_let_through(text: str) -> None:
    assert make_safe(text, project=None).statement.startswith(("SELECT", "WITH"))


def test_a_misspelt_function_gets_the_nearest_name() -> None:
    with pytest.raises(ApiError, match=r"the function lenght is not taken here; did you mean length\?"):
        make_safe("SELECT lenght(Query) FROM traces", project=None)


def test_the_column_of_users_is_never_the_function_of_that_name() -> None:
    safe = make_safe("SELECT User, count() FROM traces AS t GROUP BY User", project=None)

    assert safe.statement.startswith('SELECT "t"."User" AS "User", count() FROM')
    assert safe.statement.endswith('GROUP BY "t"."User"')


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ApiError, match="half a surrogate pair"):
        make_safe("SELECT '\ud800'", project=None)


def test_functions_keep_the_names_that_the_user_wrote() -> None:
    safe = make_safe("SELECT length(Tags), toStartOfHour(StartedAt) FROM traces", project=None)

    assert safe.statement.startswith('SELECT length("Tags"), toStartOfHour("StartedAt") FROM')


def test_a_text_in_the_sql_cannot_end_its_quotes() -> None:
    safe = make_safe(r"SELECT '\\', 'a\'b', 'it''s', '\n'", project=None)

    assert safe.statement == r"SELECT '\\', 'a''b', 'it''s', '\n'"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("SELECT sleep(1)", "the function sleep is not taken", id="function"),
        pytest.param("SELECT * FROM nothing", "there is no table 'nothing'; there are traces", id="table"),
        pytest.param("DROP TABLE traces", "only a SELECT is taken, got DROP", id="statement"),
        pytest.param(
            "SELECT arrayMap(file, ['x'])", "arrayMap takes a function such as x ->", id="function's name"
        ),
        pytest.param("SELECT CAST(1, 'Foo')", "CAST takes a type that is known", id="type"),
        pytest.param("SELECT 1; SELECT 2", "exactly one SELECT is taken, got 2", id="two"),
        pytest.param("", "exactly one SELECT is taken, got 0", id="empty"),
        pytest.param("SELECT * FROM traces PREWHERE 1", "use WHERE", id="prewhere"),
    ],
)
def test_a_refusal_says_what_and_what_to_do(text: str, says: str) -> None:
    with pytest.raises(ApiError, match=says.replace("(", r"\(")):
        make_safe(text, project=None)


@given(st.text(max_size=200))
def test_any_text_is_taken_or_refused_cleanly(text: str) -> None:
    with contextlib.suppress(ApiError):
        make_safe(text, project="mine")
