"""The rules about a whole trace, each on spans as they would arrive."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from groundtrace_collector.collector import Collector
from groundtrace_collector.errors import StoreError
from groundtrace_collector.prices.book import PriceBook
from groundtrace_collector.prices.table import PriceTable
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.settler import Settler, settle
from groundtrace_collector.store.store import Store
from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id
from tests.collector.rows import trace_id as trace_id_of

ROOT, CHILD, GRANDCHILD = "aa" * 8, "bb" * 8, "cc" * 8
DAY_NS = 86_400 * 10**9


@pytest.fixture
def now_ns() -> int:
    return time.time_ns() - 60 * 10**9


async def settled(collector: Collector, trace_id: str, *columns: str) -> Any:
    rows = await collector.store.query(
        f"SELECT {', '.join(columns)} FROM traces FINAL WHERE TraceId = {{trace_id:String}}",  # noqa: S608
        {"trace_id": trace_id},
    )
    assert len(rows) == 1
    row = rows[0]
    return row[columns[0]] if len(columns) == 1 else tuple(row[column] for column in columns)


async def test_a_late_root_takes_over_from_an_orphan(send: Send, collector: Collector, now_ns: int) -> None:
    trace_id = new_trace_id()
    columns = ("Name", "HasRoot", "Incomplete", "SpanCount")
    await send(
        [
            {
                "trace_id": trace_id,
                "span_id": CHILD,
                "parent_span_id": ROOT,
                "name": "child",
                "start_ns": now_ns,
            }
        ]
    )
    before = await settled(collector, trace_id, *columns)
    await send([{"trace_id": trace_id, "span_id": ROOT, "name": "root", "start_ns": now_ns - 1_000}])

    assert before == ("child", False, True, 1)
    assert await settled(collector, trace_id, *columns) == ("root", True, False, 2)


async def test_a_parent_of_zeros_is_none(send: Send, collector: Collector, now_ns: int) -> None:
    trace_id = new_trace_id()

    await send([{"trace_id": trace_id, "parent_span_id": "00" * 8, "name": "root", "start_ns": now_ns}])

    assert await settled(collector, trace_id, "Name", "HasRoot", "Incomplete") == ("root", True, False)


async def test_a_root_that_comes_days_later_leaves_one_row(
    send: Send, collector: Collector, now_ns: int
) -> None:
    trace_id = new_trace_id()
    await send([{"trace_id": trace_id, "span_id": CHILD, "parent_span_id": ROOT, "start_ns": now_ns}])
    await send([{"trace_id": trace_id, "span_id": ROOT, "name": "root", "start_ns": now_ns - 3 * DAY_NS}])
    await send(
        [{"trace_id": trace_id, "span_id": GRANDCHILD, "parent_span_id": CHILD, "start_ns": now_ns - DAY_NS}]
    )

    name, count, started = await settled(collector, trace_id, "Name", "SpanCount", "StartedAt")
    assert (name, count) == ("root", 3)
    assert abs(started.timestamp() * 1e9 - (now_ns - 3 * DAY_NS)) < 1e6


async def test_without_a_root_the_earliest_span_whose_parent_is_missing_stands_in(
    send: Send, collector: Collector, now_ns: int
) -> None:
    trace_id = new_trace_id()
    await send(
        [
            # A clock that runs behind: the inner span seems to begin before its parent.
            {
                "trace_id": trace_id,
                "span_id": GRANDCHILD,
                "parent_span_id": CHILD,
                "name": "inner",
                "start_ns": now_ns - 5,
            },
            {
                "trace_id": trace_id,
                "span_id": CHILD,
                "parent_span_id": ROOT,
                "name": "outer",
                "start_ns": now_ns,
            },
        ]
    )

    assert await settled(collector, trace_id, "Name", "RootSpanId", "Incomplete") == ("outer", CHILD, True)


async def test_a_span_stored_twice_counts_once(send: Send, collector: Collector, now_ns: int) -> None:
    span = {
        "trace_id": new_trace_id(), "span_id": ROOT, "kind": "LLM", "start_ns": now_ns,
        "attributes": {"llm.token_count.prompt": 7},
    }  # fmt: skip
    await send([span])
    await send([span, {**span, "span_id": CHILD, "parent_span_id": ROOT, "kind": "TOOL", "attributes": {}}])

    rows = await collector.store.query("SELECT count() AS n FROM otel_traces")
    assert rows == [{"n": 3}]
    assert await settled(collector, str(span["trace_id"]), "SpanCount", "TokensPrompt") == (2, 7)


async def test_metadata_is_the_union_and_the_root_wins(send: Send, collector: Collector, now_ns: int) -> None:
    trace_id = new_trace_id()
    await send(
        [
            {"trace_id": trace_id, "span_id": ROOT, "start_ns": now_ns,
             "attributes": {"metadata": '{"family": "root", "n": 3, "ok": true, "deep": {"a": [1]}, "no": null}'}},
            {"trace_id": trace_id, "span_id": CHILD, "parent_span_id": ROOT, "start_ns": now_ns + 20,
             "attributes": {"metadata": '{"family": "late", "who": "late", "only": "late"}'}},
            {"trace_id": trace_id, "span_id": GRANDCHILD, "parent_span_id": ROOT, "start_ns": now_ns + 10,
             "attributes": {"metadata": '{"family": "early", "who": "early"}'}},
        ]
    )  # fmt: skip

    assert await settled(collector, trace_id, "Metadata") == {
        "family": "root", "n": "3", "ok": "true", "deep": '{"a":[1]}', "who": "early", "only": "late",
    }  # fmt: skip


async def test_metadata_that_is_no_json_object_is_left_out(
    send: Send, collector: Collector, now_ns: int
) -> None:
    trace_id = new_trace_id()
    await send(
        [
            {"trace_id": trace_id, "span_id": ROOT, "start_ns": now_ns, "attributes": {"metadata": "{'python': 1}"}},
            {"trace_id": trace_id, "span_id": CHILD, "parent_span_id": ROOT, "start_ns": now_ns,
             "attributes": {"metadata": '["a"]'}},
        ]
    )  # fmt: skip

    assert await settled(collector, trace_id, "Metadata", "SpanCount") == ({}, 2)


def embedding(trace_id: str, start_ns: int, model: str, **attributes: Any) -> dict[str, Any]:
    return {
        "trace_id": trace_id, "parent_span_id": ROOT, "kind": "EMBEDDING", "start_ns": start_ns,
        "attributes": {"embedding.model_name": model, **attributes},
    }  # fmt: skip


async def test_the_encoder_is_the_last_embedding_before_the_first_retriever(
    send: Send, collector: Collector, now_ns: int
) -> None:
    trace_id = new_trace_id()
    retriever = {"trace_id": trace_id, "parent_span_id": ROOT, "kind": "RETRIEVER", "duration_ms": 1}
    await send(
        [
            {"trace_id": trace_id, "span_id": ROOT, "start_ns": now_ns},
            embedding(trace_id, now_ns + 10, "first"),
            embedding(trace_id, now_ns + 20, "minilm", **{"embedding.model_version": "2"}),
            embedding(trace_id, now_ns + 30, "shadow", **{"groundtrace.shadow": True}),
            embedding(trace_id, now_ns + 31, "index", **{"groundtrace.indexing": True}),
            embedding(trace_id, now_ns + 32, "cache", **{"groundtrace.cache.hit": False}),
            {**retriever, "start_ns": now_ns + 40},
            embedding(trace_id, now_ns + 5_000_000, "afterwards"),
            {**retriever, "start_ns": now_ns + 6_000_000},
        ]
    )

    encoder, encoders = await settled(collector, trace_id, "Encoder", "Encoders")
    assert encoder == "minilm@2"
    assert encoders == ["first", "minilm@2", "shadow", "cache", "afterwards"]


async def test_an_embedding_inside_the_retriever_is_the_encoder(
    send: Send, collector: Collector, now_ns: int
) -> None:
    trace_id = new_trace_id()
    await send(
        [
            {
                "trace_id": trace_id,
                "span_id": ROOT,
                "kind": "RETRIEVER",
                "start_ns": now_ns,
                "duration_ms": 5,
            },
            embedding(trace_id, now_ns + 1_000_000, "inside"),
        ]
    )

    assert await settled(collector, trace_id, "Encoder") == "inside"


async def test_tokens_of_a_framework_span_and_its_client_span_count_once(
    send: Send, collector: Collector, now_ns: int
) -> None:
    trace_id = new_trace_id()

    def llm(span_id: str, parent: str, **attributes: Any) -> dict[str, Any]:
        return {"trace_id": trace_id, "span_id": span_id, "parent_span_id": parent, "kind": "LLM",
                "start_ns": now_ns + 1, "attributes": attributes}  # fmt: skip

    tokens = {"llm.token_count.prompt": 100, "llm.token_count.completion": 10}
    await send(
        [
            {"trace_id": trace_id, "span_id": ROOT, "start_ns": now_ns},
            llm("01" * 8, ROOT, **tokens, **{"llm.model_name": "framework"}),
            llm("02" * 8, "01" * 8, **tokens, **{"llm.model_name": "client", "llm.cost.total": 0.5}),
            llm("03" * 8, ROOT, **{"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3,
                                   "gen_ai.cost.total": 0.25}),
            # The client says nothing of tokens, so the framework's count stands.
            llm("04" * 8, ROOT, **{"llm.token_count.prompt": 1_000, "llm.cost.prompt": 0.125}),
            llm("05" * 8, "04" * 8),
        ]
    )  # fmt: skip

    assert await settled(collector, trace_id, "TokensPrompt", "TokensCompletion", "CostUsd") == (
        1_107, 13, 0.875,
    )  # fmt: skip


@pytest.mark.parametrize("cost", [math.nan, math.inf])
async def test_a_cost_that_is_no_number_is_none(
    send: Send, collector: Collector, now_ns: int, cost: float
) -> None:
    trace_id = new_trace_id()
    await send(
        [{"trace_id": trace_id, "kind": "LLM", "start_ns": now_ns, "attributes": {"llm.cost.total": cost}}]
    )

    assert await settled(collector, trace_id, "CostUsd") is None


async def test_unknown_tokens_are_null_not_zero(send: Send, collector: Collector, now_ns: int) -> None:
    trace_id = new_trace_id()
    await send([{"trace_id": trace_id, "span_id": ROOT, "kind": "LLM", "start_ns": now_ns}])

    assert await settled(collector, trace_id, "TokensPrompt", "CostUsd", "CacheHit", "CacheSimilarity") == (
        None, None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "query"),
    [
        pytest.param("plain?", "plain?", id="text"),
        pytest.param('"quoted?"', "quoted?", id="json-string"),
        pytest.param('{"question": "inside?", "k": 3}', "inside?", id="json-object"),
        pytest.param('{"other": 1}', '{"other": 1}', id="object-without-a-known-name"),
        pytest.param('{"broken', '{"broken', id="no-json"),
    ],
)
async def test_the_query_is_the_roots_input_out_of_its_json(
    send: Send, collector: Collector, now_ns: int, value: str, query: str
) -> None:
    trace_id = new_trace_id()
    await send(
        [{"trace_id": trace_id, "span_id": ROOT, "start_ns": now_ns, "attributes": {"input.value": value}}]
    )

    assert await settled(collector, trace_id, "Query") == query


async def test_query_and_answer_fall_back_to_the_first_retriever_and_the_last_llm(
    send: Send, collector: Collector, now_ns: int
) -> None:
    trace_id = new_trace_id()

    def step(kind: str, at: int, **attributes: str) -> dict[str, Any]:
        return {"trace_id": trace_id, "parent_span_id": ROOT, "kind": kind, "start_ns": now_ns + at,
                "attributes": attributes}  # fmt: skip

    await send(
        [
            {"trace_id": trace_id, "span_id": ROOT, "start_ns": now_ns},
            step("RETRIEVER", 1, **{"input.value": "first?"}),
            step("RETRIEVER", 2, **{"input.value": "second?"}),
            step("LLM", 3, **{"output.value": "draft"}),
            step("LLM", 4, **{"llm.output_messages.0.message.content": "final"}),
        ]
    )

    assert await settled(collector, trace_id, "Query", "Answer") == ("first?", "final")


async def test_the_query_hash_ignores_case_and_spacing(send: Send, collector: Collector, now_ns: int) -> None:
    hashes = []
    for query in ("How  much\nis it?", " how much is IT? ", "how much is that?", ""):
        trace_id = new_trace_id()
        await send([{"trace_id": trace_id, "start_ns": now_ns, "attributes": {"input.value": query}}])
        hashes.append(await settled(collector, trace_id, "QueryHash"))

    assert hashes[0] == hashes[1] != hashes[2]
    assert hashes[3] == 0


def documents(prefix: str, *given: tuple[str, float | None, str]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for index, (identity, score, content) in enumerate(given):
        key = f"{prefix}.{index}.document"
        attributes[f"{key}.id"] = identity
        if score is not None:
            attributes[f"{key}.score"] = score
        if content:
            attributes[f"{key}.content"] = content
    return attributes


async def test_the_context_is_the_rerankers_choice_with_the_retrievers_text(
    send: Send, collector: Collector, now_ns: int
) -> None:
    found = documents("retrieval.documents", ("d1", 0.9, "one"), ("d2", 0.8, "two"), ("d3", 0.7, "three"))
    hashes = []
    for text in ("two", "changed"):
        trace_id = new_trace_id()
        await send(
            [
                {"trace_id": trace_id, "span_id": ROOT, "start_ns": now_ns},
                {"trace_id": trace_id, "parent_span_id": ROOT, "kind": "RETRIEVER", "start_ns": now_ns + 1,
                 "attributes": {**found, "retrieval.documents.1.document.content": text}},
                {"trace_id": trace_id, "parent_span_id": ROOT, "kind": "RERANKER", "start_ns": now_ns + 2,
                 "attributes": {"reranker.model_name": "bm25",
                                **documents("reranker.output_documents", ("d2", 3.5, ""), ("d1", 1.25, ""))}},
            ]
        )  # fmt: skip
        row = await settled(
            collector, trace_id, "RetrievedIds", "ContextIds", "RerankScores", "Reranker", "InputHash"
        )
        assert row[:4] == (["d1", "d2", "d3"], ["d2", "d1"], [3.5, 1.25], "bm25")
        hashes.append(row[4])

    assert hashes[0] != hashes[1], "other text in the same document is other input"


SEARCHED = (("g1", 0.75, ""), ("x", 0.5, ""), ("g2", 0.25, ""), ("g1", 0.125, ""), ("y", 0.0625, ""))
FAR = tuple((name, 1 - score, text) for name, score, text in SEARCHED)
SPACE = {"embedding.fingerprint": "f1"}
DISTANCE, SIMILARITY = ({"retrieval.score_sense": sense} for sense in ("distance", "similarity"))


MARGINS: dict[
    str, tuple[Sequence[tuple[str, Any, str]], list[str], dict[str, str], dict[str, str], object]
] = {
    "falling scores are similarities": (SEARCHED, ["g1", "g2"], {}, SPACE, (0.0, 0.5, "f1")),
    "without a fingerprint the encoder is the space": (
        SEARCHED,
        ["g1"],
        SIMILARITY,
        {},
        (0.25, 1.0, "minilm@2"),
    ),
    "rising scores are distances": (FAR, ["g1"], {}, SPACE, (0.25, 1.0, "f1 (distance)")),
    "distances as it says": (FAR, ["g1"], DISTANCE, SPACE, (0.25, 1.0, "f1 (distance)")),
    "what is said, not the order": (FAR, ["g1"], SIMILARITY, SPACE, (-0.6875, 0.0, "f1")),
    "a tie is a half": ((("x", 0.5, ""), ("g1", 0.5, "")), ["g1"], SIMILARITY, SPACE, (0.0, 0.5, "f1")),
    "no gold ids": (SEARCHED, [], {}, SPACE, (None, None, "")),
    "no gold document retrieved": (SEARCHED, ["z"], {}, SPACE, (None, None, "")),
    "nothing but gold": (SEARCHED[:1], ["g1"], {}, SPACE, (None, None, "")),
    "no number": ((("g1", "NaN", ""), ("x", 0.5, "")), ["g1"], {}, SPACE, (None, None, "")),
}


async def test_the_margin_is_gold_against_the_best_other_in_its_space(
    send: Send, collector: Collector, now_ns: int
) -> None:
    spans: list[dict[str, Any]] = []
    for name, (found, gold, retriever, encoder, _) in MARGINS.items():
        trace = {"trace_id": trace_id_of(name), "parent_span_id": ROOT}
        model = {"embedding.model_name": "minilm", "embedding.model_version": "2", **encoder}
        spans += [
            {"trace_id": trace_id_of(name), "span_id": ROOT, "name": name, "start_ns": now_ns,
             "attributes": {"groundtrace.gold.document_ids": gold, "input.value": "who?"}},
            {**trace, "kind": "EMBEDDING", "start_ns": now_ns + 1, "attributes": model},
            {**trace, "kind": "RETRIEVER", "start_ns": now_ns + 2,
             "attributes": {**documents("retrieval.documents", *found), **retriever}},
            # Another space, after the retriever: not the one that was searched.
            {**trace, "kind": "EMBEDDING", "start_ns": now_ns + 10**9,
             "attributes": {"embedding.model_name": "late", "embedding.fingerprint": "f2"}},
        ]  # fmt: skip
    await send(spans)

    rows = await collector.store.query("SELECT Name, Margin, MarginAuroc, MarginSpace FROM traces FINAL")

    found_by_name = {row["Name"]: (row["Margin"], row["MarginAuroc"], row["MarginSpace"]) for row in rows}
    assert found_by_name == {name: case[-1] for name, case in MARGINS.items()}


async def test_errors_retries_and_caches_are_gathered(send: Send, collector: Collector, now_ns: int) -> None:
    trace_id = new_trace_id()
    failure = {"name": "exception", "attributes": {"exception.type": "RateLimitError"}}
    await send(
        [
            {"trace_id": trace_id, "span_id": ROOT, "status": "error", "start_ns": now_ns, "duration_ms": 4,
             "attributes": {"groundtrace.cache.hit": True, "groundtrace.cache.similarity": 0.93,
                            "groundtrace.gold.document_ids": ["d1", "d2"], "groundtrace.dataset.row": "r9",
                            "tag.tags": ["beta"], "session.id": "s1", "user.id": "u1", "groundtrace.route": "main",
                            "llm.prompt_template.version": "v7"}},
            {"trace_id": trace_id, "parent_span_id": ROOT, "kind": "LLM", "status": "error", "start_ns": now_ns + 1,
             "events": [failure], "attributes": {"groundtrace.retry.attempt": 1, "groundtrace.fallback": True}},
        ]
    )  # fmt: skip

    assert await settled(
        collector, trace_id, "Status", "DurationNs", "ErrorTypes", "Retries", "Fallback", "CacheHit",
        "CacheSimilarity", "GoldIds", "DatasetRow", "Tags", "Session", "User", "Route", "PromptVersion",
    ) == (
        "error", 4_000_000, ["RateLimitError", "error"], 1, True, True,
        0.93, ["d1", "d2"], "r9", ["beta"], "s1", "u1", "main", "v7",
    )  # fmt: skip


async def test_a_batch_of_texts_counts_whole_however_few_are_shown(
    send: Send, collector: Collector, now_ns: int
) -> None:
    trace_id = new_trace_id()
    await send(
        [
            {
                "trace_id": trace_id, "span_id": ROOT, "kind": "EMBEDDING", "start_ns": now_ns,
                "attributes": {
                    "embedding.text_count": 500,
                    "embedding.embeddings.0.embedding.text": "one",
                    "embedding.embeddings.1.embedding.text": "two",
                },
            }
        ]
    )  # fmt: skip

    assert await settled(collector, trace_id, "EmbeddedTexts") == 500


async def test_one_trace_id_in_two_projects_is_two_traces(
    send: Send, collector: Collector, now_ns: int
) -> None:
    trace_id = new_trace_id()
    for project, span_id in (("a", ROOT), ("b", CHILD)):
        await send(
            [{"trace_id": trace_id, "span_id": span_id, "start_ns": now_ns}],
            resource={"openinference.project.name": project},
        )

    rows = await collector.store.query("SELECT Project, SpanCount FROM traces FINAL ORDER BY Project")
    assert rows == [{"Project": "a", "SpanCount": 1}, {"Project": "b", "SpanCount": 1}]


async def test_a_trace_of_ten_thousand_spans_settles(send: Send, collector: Collector, now_ns: int) -> None:
    trace_id = new_trace_id()
    spans = [
        {"trace_id": trace_id, "span_id": f"{n:016x}", "parent_span_id": f"{n - 1:016x}" if n > 1 else "",
         "kind": "LLM", "start_ns": now_ns + n, "attributes": {"llm.token_count.prompt": 1}}
        for n in range(1, 10_001)
    ]  # fmt: skip
    await send(spans)

    assert await settled(collector, trace_id, "SpanCount", "TokensPrompt") == (10_000, 1)


async def test_rows_in_the_exporters_form_are_settled_too(
    collector: Collector, store: Store, now_ns: int
) -> None:
    trace_id = new_trace_id()
    await store.command(
        "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName,"
        " ResourceAttributes, SpanAttributes, Duration, StatusCode) VALUES"
        " (fromUnixTimestamp64Nano({at:Int64}), {trace_id:String}, 'aaaaaaaaaaaaaaaa', '', 'ask', 'Internal', 'app',"
        "  map('openinference.project.name', 'theirs'), map('openinference.span.kind', 'RETRIEVER',"
        "  'input.value', 'why?', 'retrieval.documents.0.document.id', 'd1'), 5000, 'Ok')",
        {"at": now_ns, "trace_id": trace_id},
    )
    await collector.settler.look()
    await collector.settler.idle()

    assert await settled(collector, trace_id, "Project", "Query", "RetrievedIds", "DurationNs") == (
        "theirs", "why?", ["d1"], 5_000,
    )  # fmt: skip


async def test_what_a_killed_process_left_unsettled_is_settled_at_the_start(
    send: Send, collector: Collector, store: Store, now_ns: int, tmp_path: Path
) -> None:
    trace_id = new_trace_id()
    await send([{"trace_id": trace_id, "start_ns": now_ns}])
    await store.command("TRUNCATE TABLE traces")

    settler = Settler(store, record=tmp_path / "settled", prices=PriceBook())
    settler.start()
    await settler.idle()
    await settler.close()

    assert await settled(collector, trace_id, "SpanCount") == 1


async def test_a_backlog_that_killed_processes_left_is_settled_however_old(
    send: Send, collector: Collector, now_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groundtrace_collector.store.settler.COMMITS_AT_ONCE", 1)
    monkeypatch.setattr("groundtrace_collector.store.settler.OVERLAP_US", 0)
    store, trace_ids = collector.store, [new_trace_id(), new_trace_id()]
    for trace_id in trace_ids:
        await send([{"trace_id": trace_id, "start_ns": now_ns}])
    old, new = (row["Seq"] for row in await store.query("SELECT Seq FROM otel_traces ORDER BY Seq"))
    await store.command("TRUNCATE TABLE traces")
    killed = Settler(store, record=tmp_path / "settled", prices=PriceBook())
    killed.touch(new)
    killed.touch(old)
    await killed._settle_some()

    settler = Settler(store, record=tmp_path / "settled", prices=PriceBook())
    settler.start()
    await settler.idle()
    await settler.close()

    for trace_id in trace_ids:
        assert await settled(collector, trace_id, "SpanCount") == 1


async def test_a_stop_between_two_settlings_settles_what_is_left_at_once(
    send: Send, collector: Collector, now_ns: int, tmp_path: Path
) -> None:
    store, trace_ids = collector.store, [new_trace_id(), new_trace_id()]
    for trace_id in trace_ids:
        await send([{"trace_id": trace_id, "start_ns": now_ns}])
    first, second = (row["Seq"] for row in await store.query("SELECT Seq FROM otel_traces ORDER BY Seq"))
    await store.command("TRUNCATE TABLE traces")
    settler = Settler(store, record=tmp_path / "settled", prices=PriceBook(), every_s=600)
    settler._task = asyncio.create_task(settler._run())
    settler.touch(first)
    while settler.oldest_pending_us is not None:  # noqa: ASYNC110  (nothing tells that it has begun to wait)
        await asyncio.sleep(0.05)
    settler.touch(second)
    began = time.monotonic()
    await settler.close()

    assert time.monotonic() - began < 9, "it did not wait for its turn"
    assert [await settled(collector, trace_id, "SpanCount") for trace_id in trace_ids] == [1, 1]


async def test_there_is_no_rest_while_more_commits_wait_than_one_settling_takes(
    send: Send, collector: Collector, now_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groundtrace_collector.store.settler.COMMITS_AT_ONCE", 1)
    store = collector.store
    for _ in range(3):
        await send([{"trace_id": new_trace_id(), "start_ns": now_ns}])
    seqs = [row["Seq"] for row in await store.query("SELECT Seq FROM otel_traces ORDER BY Seq")]
    await store.command("TRUNCATE TABLE traces")
    settler = Settler(store, record=tmp_path / "settled", prices=PriceBook(), every_s=600)
    for seq in seqs:
        settler.touch(seq)
    settler._task = asyncio.create_task(settler._run())
    async with asyncio.timeout(20):
        while settler.oldest_pending_us != seqs[-1]:  # noqa: ASYNC110  (nothing tells that it rests)
            await asyncio.sleep(0.05)
    await settler.close()

    assert await store.query("SELECT count() AS n FROM traces FINAL") == [{"n": 3}]


async def test_large_commits_that_follow_each_other_gather_before_they_are_settled(
    store: Store, tmp_path: Path
) -> None:
    settler = Settler(store, record=tmp_path / "settled", prices=PriceBook(), every_s=0.2)
    settler.touch(1, more_come=True)
    began = time.monotonic()
    waits = asyncio.create_task(settler._gather())

    await asyncio.sleep(0.1)
    settler.touch(2, more_come=True)
    await waits

    assert time.monotonic() - began >= 0.4, "it waited until none had come for a while"


@pytest.mark.parametrize(
    ("commits", "more_come"), [pytest.param(1, False, id="small"), pytest.param(2, True, id="enough")]
)
async def test_a_settling_waits_for_no_more_commits(
    store: Store, tmp_path: Path, *, commits: int, more_come: bool
) -> None:
    settler = Settler(store, record=tmp_path / "settled", prices=PriceBook(), every_s=600)
    settler._at_once = 2
    for seq in range(commits):
        settler.touch(seq, more_come=more_come)

    await asyncio.wait_for(settler._gather(), timeout=5)


async def test_a_commit_that_cannot_be_settled_holds_up_no_other(
    send: Send, collector: Collector, now_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, trace_id = collector.store, new_trace_id()
    await send([{"trace_id": trace_id, "start_ns": now_ns}])
    (row,) = await store.query("SELECT Seq FROM otel_traces")
    await store.command("TRUNCATE TABLE traces")

    def settle_or_fail(driver: Driver, seqs: Sequence[int], *, version: int, prices: PriceTable) -> None:
        if 1 in seqs:
            raise StoreError("poison")
        settle(driver, seqs, version=version, prices=prices)

    monkeypatch.setattr("groundtrace_collector.store.settler.settle", settle_or_fail)
    monkeypatch.setattr("groundtrace_collector.store.settler.RETRY_S", 0.0)
    settler = Settler(store, record=tmp_path / "settled", prices=PriceBook())
    settler.touch(1)
    settler.touch(row["Seq"])
    for _ in range(3):
        await settler._settle_some()

    assert await settled(collector, trace_id, "SpanCount") == 1
    assert settler.oldest_pending_us == 1


async def test_commits_settled_in_any_order_make_one_whole_trace(
    send: Send, collector: Collector, now_ns: int
) -> None:
    store, trace_id = collector.store, new_trace_id()
    for days, span_id in enumerate((ROOT, CHILD, GRANDCHILD)):
        parent = ROOT if days else ""
        await send(
            [{"trace_id": trace_id, "span_id": span_id, "parent_span_id": parent, "kind": "RETRIEVER",
              "start_ns": now_ns - 3 * DAY_NS + days * DAY_NS,
              "attributes": documents("retrieval.documents", (f"d{days}", 0.5, "a text"))}]
        )  # fmt: skip
    commits = [row["Seq"] for row in await store.query("SELECT DISTINCT Seq FROM otel_traces ORDER BY Seq")]
    await store.command("TRUNCATE TABLE traces")

    for seq in (commits[2], commits[0], commits[1]):
        await store.settling.run(partial(settle, seqs=[seq], version=store.next_seq()))

    row = await settled(collector, trace_id, "SpanCount", "RootSpanId", "RetrievedIds", "LastSeq")
    assert row == (3, ROOT, ["d2"], commits[2])
    assert sorted(await settled(collector, trace_id, "Seqs")) == commits
