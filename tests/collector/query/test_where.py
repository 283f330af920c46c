"""Where-expressions: what they mean on a real store, and what they refuse."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundtrace_collector.query.errors import WhereError
from groundtrace_collector.query.fields import FIELD_NAMES, KEYED_FIELDS
from groundtrace_collector.query.where import Scope, compile_where
from tests.collector.rows import names_where, score, trace, trace_id

if TYPE_CHECKING:
    from groundtrace_collector.store.store import Store

# a: the first encoder, complete; b: the second, with an error and tokens; c: almost nothing known.
TRACES: list[dict[str, Any]] = [
    trace(
        "a",
        Encoder="minilm@1",
        Metadata={"doc_family": "billing", "pages": "3", "a key": "x", "vip": "true"},
        SpanKinds=["CHAIN", "RETRIEVER", "LLM"],
        SpanNs=[9, 4, 5],
        Tags=["beta"],
        Session="s1",
        Query="What's 100% due?",
        TokensPrompt=100,
        Incomplete=True,
        DurationNs=900_000_000,
    ),
    trace(
        "b",
        Encoder="minilm@2",
        Metadata={"doc_family": "legal", "pages": "12"},
        SpanKinds=["CHAIN", "TOOL"],
        SpanNs=[9, 4],
        ErrorTypes=["TimeoutError"],
        Status="error",
        TokensPrompt=200,
        CostUsd=0.5,
        StartedAt="2026-11-20T10:00:00Z",
        DurationNs=100_000_000,
    ),
    trace("c", Project="other", Status="unset", StartedAt="2026-11-10T10:00:00Z"),
]
SPAN = """
    INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, Project, SpanAttributes)
    SELECT '2026-11-21 10:00:00', {trace:String}, '1', 'chat', 'shop', 'app',
        mapFromArrays({keys:Array(String)}, {texts:Array(String)})
"""
DOCUMENTS = {
    "Project": "app",
    "SpanId": "1",
    "Timestamp": "2026-11-21T10:00:00Z",
    "Stage": "retrieved",
    "Rank": 1,
}


@pytest.fixture
async def filled(store: Store) -> Store:
    await store.insert("traces", TRACES)
    await store.insert(
        "scores",
        [
            score("a", Score=0.9),
            score("b", Score=0.2, Label="fail"),
            score("c", Score=0.1, Status="error"),
        ],
    )
    await store.insert(
        "feedback",
        [
            {"Project": "app", "Name": "thumbs", "TraceId": trace_id("a"), "Value": -1, "Seq": 1},
            {"Project": "app", "Name": "thumbs", "TraceId": trace_id("a"), "Value": 1, "Seq": 2},
            {"Project": "", "Name": "thumbs", "TraceId": trace_id("b"), "Value": -1, "Seq": 3},
            {"Project": "app", "Name": "failure_label", "TraceId": trace_id("b"), "Label": "stale", "Seq": 4},
            {"Project": "app", "Name": "escalation", "TraceId": trace_id("a"), "Value": 1, "Seq": 5},
            {"Project": "app", "Name": "escalation", "TraceId": trace_id("b"), "Value": 0, "Seq": 6},
        ],
    )
    await store.insert(
        "retrieved_documents",
        [{**DOCUMENTS, "TraceId": trace_id("a"), "DocumentId": "doc-17"}],
    )
    for name, attributes in (("a", {"top_k": "5", "it's": "x{y:String}"}), ("b", {"top_k": "50"})):
        await store.command(
            SPAN, {"trace": trace_id(name), "keys": [*attributes], "texts": [*attributes.values()]}
        )
    return store


MEANINGS = [
    ("encoder = 'minilm@1'", "a"),
    ("encoder != 'minilm@1'", "b"),
    ("not encoder = 'minilm@1'", "b"),
    ("encoder is null", "c"),
    ("encoder is not null", "ab"),
    ("encoder in ('minilm@1', 'minilm@2')", "ab"),
    ("encoder not in ('minilm@1', 'x')", "b"),
    ("encoder like 'minilm@%'", "ab"),
    ("encoder ilike 'MINI%2'", "b"),
    ("encoder not like '%1'", "b"),
    ("query like '%100\\\\%%'", "a"),
    ("query = 'What''s 100% due?'", "a"),
    ("project = 'other'", "c"),
    ("status = 'error'", "b"),
    ("status in ('ok', 'unset')", "ac"),
    ("duration_ms > 800", "ac"),
    ("duration_ms between 100 and 900", "ab"),
    ("duration_ms not between 100 and 900", "c"),
    ("tokens_prompt >= 200", "b"),
    ("not tokens_prompt >= 200", "a"),
    ("tokens_prompt = 100", "a"),
    ("cost_usd is null", "ac"),
    ("incomplete", "a"),
    ("not incomplete", "bc"),
    ("incomplete = false", "bc"),
    ("incomplete is true", "a"),
    ("started_at > '2026-11-20T12:00:00Z'", "a"),
    ("started_at <= '2026-11-20T12:00:00+02:00'", "bc"),
    ("started_at > '20h'", "a"),
    ("metadata.doc_family in ('billing', 'legal')", "ab"),
    ("metadata.doc_family != 'billing'", "b"),
    ("metadata.pages > 3", "b"),
    ("metadata.pages = '3'", "a"),
    ("metadata['a key'] = 'x'", "a"),
    ("metadata.vip = true", "a"),
    ("metadata.vip is null", "bc"),
    ("kind = 'llm'", "a"),
    ("kind != 'LLM'", "bc"),
    ("kind in ('TOOL', 'LLM')", "ab"),
    ("kind not in ('TOOL', 'LLM')", "c"),
    ("kind is null", "c"),
    ("tag = 'beta'", "a"),
    ("tag != 'beta'", "bc"),
    ("error = 'TimeoutError'", "b"),
    ("error is null", "ac"),
    ("error like 'Time%'", "b"),
    ("document = 'doc-17'", "a"),
    ("document != 'doc-17'", "bc"),
    ("document is null", "bc"),
    ("attributes['top_k'] = '5'", "a"),
    ("attributes['top_k'] > 5", "b"),
    ("attributes['top_k'] between 1 and 50", "ab"),
    ("attributes['it''s'] = 'x{y:String}'", "a"),
    ("attributes['top_k'] is null", "c"),
    ("attributes['top_k'] != '5'", "bc"),
    ("score.groundedness < 0.5", "b"),
    ("not score.groundedness < 0.5", "a"),
    ("score.groundedness is null", "c"),
    ("score.groundedness = 'fail'", "b"),
    ("score.nothing < 0.5", ""),
    ("feedback.thumbs = 1", "a"),
    ("feedback.thumbs = -1", "b"),
    ("feedback.thumbs is null", "c"),
    ("feedback.failure_label = 'stale'", "b"),
    ("feedback.escalation = true", "a"),
    ("feedback.escalation is not true", "b"),
    ("feedback.escalation in (true, false)", "ab"),
    ("encoder = 'minilm@1' or status = 'unset'", "ac"),
    ("not (encoder = 'minilm@1' or status = 'unset')", "b"),
    ("not (encoder = 'minilm@1' and kind = 'LLM')", "bc"),
    ("ENCODER = 'minilm@1' AND NOT Status = 'error'", "a"),
]


async def test_each_expression_finds_what_it_says(filled: Store) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    found = {expression: await names_where(filled, expression, "abc", now=now) for expression, _ in MEANINGS}

    assert found == dict(MEANINGS)


async def test_every_field_runs_on_the_store(store: Store) -> None:
    for name in FIELD_NAMES:
        field = f"{name}['k']" if name in KEYED_FIELDS or name == "attributes" else name

        assert await names_where(store, f"{field} is null or not {field} is null", "") == ""


Rows = tuple[dict[str, Any], ...]
# What it shows, the score that counts, and columns of the rows that are there.
SCORES: list[tuple[str, float, Rows]] = [
    (
        "human over evaluator over api",
        0.1,
        ({"Score": 0.1, "Source": "human"}, {"Score": 0.5}, {"Score": 0.9, "Source": "api"}),
    ),
    ("evaluator over api", 0.5, ({"Score": 0.5}, {"Score": 0.9, "Source": "api"})),
    (
        "newest version by its numbers",
        0.1,
        ({"Score": 0.1, "EvaluatorVersion": "1.10"}, {"Score": 0.9, "EvaluatorVersion": "1.9"}),
    ),
    ("newest sequence", 0.1, ({"Score": 0.9, "Evaluator": "y"}, {"Score": 0.1, "Evaluator": "x"})),
    ("a later row of the same key", 0.1, ({"Score": 0.9}, {"Score": 0.1})),
    ("not ok does not count", 0.1, ({"Score": 0.1}, {"Source": "human", "Status": "skipped"})),
    ("of the trace over its spans", 0.1, ({"Score": 0.1}, {"Score": 0.9, "SpanId": "s"})),
    ("mean of its spans", 0.3, ({"Score": 0.2, "SpanId": "s1"}, {"Score": 0.4, "SpanId": "s2"})),
    (
        "each span with its own newest",
        0.3,
        (
            {"Score": 0.2, "SpanId": "s1"},
            {"Score": 0.9, "SpanId": "s1", "Source": "api"},
            {"Score": 0.4, "SpanId": "s2"},
        ),
    ),
    ("sent before its trace", 0.1, ({"Score": 0.1, "Project": ""},)),
]


async def test_the_score_that_counts(store: Store) -> None:
    await store.insert("traces", [trace(name) for name, _, _ in SCORES])
    await store.insert("scores", [score(name, **row) for name, _, rows in SCORES for row in rows])

    for name, value, _ in SCORES:
        expression = f"score.groundedness between {value - 1e-9} and {value + 1e-9}"
        condition = compile_where(expression)
        sql = f"SELECT TraceId FROM traces FINAL WHERE {condition.sql}"  # noqa: S608
        found = {row["TraceId"] for row in await store.query(sql, condition.parameters)}
        assert trace_id(name) in found, name


async def test_a_score_of_another_project_never_counts(store: Store) -> None:
    await store.insert("traces", [trace("a"), trace("b", Project="evil")])
    await store.insert(
        "scores", [score("a", Score=0.9, Project="evil", Source="human"), score("a", Score=0.2)]
    )

    assert await names_where(store, "score.groundedness > 0.5", "ab") == ""
    assert await names_where(store, "score.groundedness = 0.2", "ab", scope=Scope(project="app")) == "a"


REFUSED = [
    ("", "empty", 1),
    ("encodr = 'x'", "unknown field 'encodr'; did you mean encoder?", 1),
    ("status = 'ok' and foo = 1", "unknown field 'foo'", 19),
    ("encoder", "encoder is compared with something", 1),
    ("encoder = 5", "encoder is text: write '5.0' in single quotes", 1),
    ("encoder = null", "null matches neither way", 11),
    ("duration_ms > 'x'", "duration_ms is a number, got 'x'", 1),
    ("duration_ms like 'x'", "duration_ms is a number", 1),
    ("feedback.escalation > true", "feedback.escalation is a number, got True", 1),
    ("feedback.thumbs = true", "feedback.thumbs is a number, got True", 1),
    ("status = 'broken'", "status is one of ok, error, unset, got 'broken'", 1),
    ("incomplete > true", "incomplete is true or false", 1),
    ("started_at > 'yesterday'", "'yesterday' is not a time", 1),
    ("metadata = 'x'", "metadata needs a key", 1),
    ("metadata.doc-family = 'x'", "'-' is not part of a where-expression", 13),
    ("encoder.x = 'y'", "encoder has no part 'x'", 1),
    ("kind > 'x'", "kind takes =, in, like, ilike or `is null`", 1),
    (r"encoder like 'x\'", "not closed", 14),
    (r"encoder like 'x\\'", "ends in a backslash that escapes nothing", 1),
    ("encoder = 'x", '"\'x" is not closed', 11),
    ("encoder = 'x' session = 's'", "'session' is not expected here", 15),
    ("encoder = ", "something is missing after '='", 9),
    ("'x' = encoder", "the field goes on the left", 1),
    ("encoder = (select 1)", "'1' is not expected here", 19),
    ("count() > 1", "", 1),
    ("encoder = 'x' -- all", "comments are not part", 11),
    ("encoder = 'x'; drop table traces", "';' is not part of a where-expression", 14),
    ("encoder = 'x' union select 1", "'union' is not expected here", 15),
    ("tokens_prompt > 1e999", "the number is too large", 17),
    ("(" * 50 + "incomplete" + ")" * 50, "more than 40 brackets", 41),
    ("encoder = '\0'", "cannot be stored", 1),
    (f"encoder = '{'x' * 30_000}'", "at most 20,000 are read", 20_001),
]


@pytest.mark.parametrize(
    ("expression", "problem", "position"), REFUSED, ids=[case[0][:40] for case in REFUSED]
)
def test_anything_else_is_refused_with_word_and_position(
    expression: str, problem: str, position: int
) -> None:
    with pytest.raises(WhereError) as caught:
        compile_where(expression)

    assert problem in caught.value.message
    assert caught.value.position == position
    assert caught.value.message.endswith(f"(at position {position})")


def test_no_text_of_the_user_is_part_of_the_sql() -> None:
    condition = compile_where(
        "metadata.secretkey = 'secretvalue' and score.secretname > 0.123 or tag like 'secret%'"
    )

    assert "secret" not in condition.sql
    assert "0.123" not in condition.sql
    assert {"secretkey", "secretvalue", "secretname", 0.123, "secret%"} <= set(condition.parameters.values())


_WORDS = st.sampled_from(
    [
        *FIELD_NAMES,
        *[
            "and",
            "or",
            "not",
            "in",
            "like",
            "ilike",
            "is",
            "null",
            "between",
            "true",
            "false",
            "select",
            "union",
            "case",
            "cast(",
            "count(",
            "interval",
        ],
        *[
            "(",
            ")",
            "[",
            "]",
            ",",
            ".",
            "=",
            "!=",
            "<",
            ">=",
            "-",
            "--",
            "/*",
            ";",
            "::",
            "$$",
            "?",
            "*",
            "'x'",
            "'24h'",
            '"q"',
            "'",
            '"',
            "5",
            "0.5",
            "{a:String}",
        ],
        *["metadata.k", "score.x", "attributes['k']", "encoder = 'x'"],
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.lists(_WORDS, max_size=12).map(" ".join), st.text(max_size=40)))
def test_no_text_raises_anything_but_the_where_error(text: str) -> None:
    try:
        condition = compile_where(text)
    except WhereError as error:
        where = error.position
        assert 1 <= where <= len(text) + 1
    else:
        assert set(re.findall(r"\{(\w+):", condition.sql)) <= set(condition.parameters)


_LITERALS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=_LITERALS.filter(bool), value=_LITERALS.filter(bool))
async def test_any_text_is_found_again_as_it_was_stored(store: Store, key: str, value: str) -> None:
    quoted = [text.replace("\\", "\\\\").replace("'", "\\'") for text in (key, value)]
    await store.insert("traces", [trace("a", Metadata={key: value}, Project="roundtrip")])

    assert await names_where(store, f"metadata['{quoted[0]}'] = '{quoted[1]}'", "a") == "a"
