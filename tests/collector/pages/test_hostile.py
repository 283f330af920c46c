"""Traces made to break the page: it escapes them, shows what is hidden in them, and stays small."""

import html as html_module
from typing import Any

import httpx
import pytest

from groundtrace_collector.pages.page import rendered
from groundtrace_collector.pages.trace import trace_page
from groundtrace_collector.store.store import Store
from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id
from tests.collector.pages.examples import NOW, document, score, span, trace
from tests.collector.pages.markup import parsed

LIMIT_BYTES = 300_000
SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "\"'><img src=x onerror=alert(1)></textarea></title><svg/onload=alert(1)>"
LINK = "javascript:alert(1)"


def html_of(**changes: Any) -> str:
    return bytes(rendered(trace_page(trace(**changes), NOW)).body).decode()


@pytest.mark.parametrize("text", [SCRIPT, BREAKOUT, LINK], ids=["script", "breakout", "link"])
def test_nothing_in_a_trace_becomes_markup(text: str) -> None:
    html = html_of(
        name=text,
        trace_id="a" * 32 + text,
        query=text,
        answer=f"Fine. {text}",
        encoder=text,
        session=text,
        metadata={text: text},
        tags=[text],
        gold_document_ids=[text],
        documents=[document(1, id=text, content=text)],
        scores=[
            score(
                explanation=text, label=text, evidence=[{"text": text, "supported": False, "missing": [text]}]
            )
        ],
        evaluations=[
            {
                "evaluator": text,
                "version": text,
                "span_id": None,
                "status": text,
                "reason": text,
                "created_at": "2026-03-04T11:59:00Z",
            }
        ],
        feedback=[{"name": text, "value": text, "comment": text, "created_at": "2026-03-04T11:59:00Z"}],
        spans=[
            span(
                text,
                name=text,
                kind=text,
                status=text,
                attributes={text: text},
                events=[{"name": text, "at": "2026-03-04T11:58:00.050Z", "attributes": {text: text}}],
            )
        ],
    )

    tags, attributes = parsed(html)
    assert "script" not in tags
    assert tags.count("img") == 1, "only the mark in the header"
    assert not [name for name, _ in attributes if name.startswith("on") or name == "style"]
    assert all(
        (value or "").startswith(("/", "#"))
        for name, value in attributes
        if name in ("href", "src", "action")
    )


async def test_hostile_text_that_came_over_the_wire_is_escaped_on_both_pages(
    client: httpx.AsyncClient, send: Send
) -> None:
    trace_id = new_trace_id()
    attributes = {
        "input.value": SCRIPT + BREAKOUT,
        "output.value": LINK + BREAKOUT,
        "embedding.model_name": BREAKOUT,
    }
    await send([{"trace_id": trace_id, "name": SCRIPT, "kind": "CHAIN", "attributes": attributes}])

    for path in ("/", f"/traces/{trace_id}", "/evaluations", "/encoders", "/cohorts"):
        tags, given = parsed((await client.get(path)).text)
        assert "script" not in tags
        assert not [name for name, _ in given if name.startswith("on")]


async def test_what_a_user_asks_is_escaped_in_the_answer(client: httpx.AsyncClient) -> None:
    asked = {"where": BREAKOUT, "project": BREAKOUT, "since": BREAKOUT, "order": BREAKOUT, "cursor": BREAKOUT}

    tags, attributes = parsed((await client.get("/", params=asked)).text)

    assert "svg" not in tags
    assert not [name for name, _ in attributes if name.startswith("on")]


def test_hidden_characters_are_made_visible() -> None:
    html = html_of(query="a\x00b\x1b[31mc", answer="safe \u202etxt.exe\u202c\ud800 end")

    assert "a␀b␛[31mc" in html
    assert "[U+202E]txt.exe[U+202C]\ufffd end" in html
    assert "\x00" not in html


def test_foreign_text_is_set_apart_from_the_page_in_direction() -> None:
    html = html_of(query="\u200fعربي", documents=[document(1, id="\u200fوثيقة")])

    assert '<div class="text" dir="auto"' in html
    assert "<bdi>\u200fوثيقة</bdi>" in html


@pytest.mark.parametrize(
    "huge",
    [
        pytest.param("word " * 200_000, id="plain"),
        pytest.param('<&">' * 250_000, id="escapes"),
        pytest.param("\U0001f600" * 250_000, id="emoji"),
        pytest.param("\x00" * 1_000_000, id="nulls"),
    ],
)
def test_a_page_of_huge_texts_stays_small_and_says_what_is_cut(huge: str) -> None:
    attributes = {f"{key}{huge}": huge for key in range(30)}
    html = html_of(
        name=huge,
        query=huge,
        answer=huge,
        metadata={f"key {number}": huge for number in range(50)},
        documents=[document(rank, content=huge, id=f"{rank}{huge}") for rank in range(1, 101)],
        scores=[
            score(
                name=f"score {number}",
                explanation=huge,
                evidence=[{"text": huge, "supported": False, "missing": [huge] * 50}] * 50,
            )
            for number in range(50)
        ],
        feedback=[{"name": huge, "value": huge, "comment": huge, "created_at": None}] * 3,
        spans=[span(f"{number:016x}", name=huge, attributes=attributes) for number in range(500)],
    )

    assert len(html.encode()) < LIMIT_BYTES
    assert "more characters: <a href=" in html
    assert "more spans" in html
    parsed(html)


def test_a_cut_says_exactly_how_much_is_missing() -> None:
    html = html_of(query="x" * 10_000)

    assert f"[… {10_000 - 6_000:,} more characters" in html


async def test_a_list_of_huge_traces_stays_small(client: httpx.AsyncClient, send: Send) -> None:
    huge = '<&">' * 20_000
    attributes = {
        "input.value": huge,
        "output.value": huge,
        "llm.model_name": huge,
        "embedding.model_name": huge,
    }
    await send(
        [{"trace_id": new_trace_id(), "name": huge[:200], "attributes": attributes} for _ in range(50)]
    )

    response = await client.get("/")

    assert len(response.content) < LIMIT_BYTES


def test_spans_that_are_each_others_parents_are_all_shown() -> None:
    spans = [span("a1", "b1"), span("b1", "a1"), span("c1", "c1"), span("d1", "nowhere")]

    html = html_of(spans=spans)

    assert html.count("<li id=") == 4


def test_a_thousand_spans_deep_is_no_deeper_on_the_page() -> None:
    spans = [span(f"s{depth}", f"s{depth - 1}" if depth else "") for depth in range(1_000)]

    html = html_of(spans=spans)

    assert "Level 100: " in html
    assert 'class="name i12"' in html
    assert 'class="name i13"' not in html


def test_a_trace_whose_spans_are_gone_is_still_a_page() -> None:
    html = html_of(
        spans=[], query=None, answer=None, encoder=None, reranker=None, llm_model=None, service=None
    )

    assert "This trace has no query." in html


@pytest.mark.parametrize("evidence", [None, "text", 7, {"a": 1}, [1, None, {"text": 5}], [{"text": ""}]])
def test_evidence_of_any_shape_is_taken(evidence: object) -> None:
    assert "Groundedness" in html_of(scores=[score(evidence=evidence)])


def test_escaped_text_reads_as_it_was_sent() -> None:
    html = html_of(query=BREAKOUT)

    assert BREAKOUT in html_module.unescape(html)


@pytest.mark.parametrize(
    ("names", "path", "says"),
    [
        pytest.param(
            [f"nightly-{number}" for number in range(1_200)], "/datasets", "951 more datasets", id="datasets"
        ),
        pytest.param(["golden"] * 1_200, "/datasets/golden", "1101 older versions", id="versions"),
    ],
)
async def test_a_page_of_years_of_nightly_datasets_stays_small(
    client: httpx.AsyncClient, store: Store, names: list[str], path: str, says: str
) -> None:
    rows = [{"query": f"{number} " + "why? " * 600, "positive_chunk": "so. " * 600} for number in range(60)]
    nightly = [
        {"Name": name, "Version": version, "Upload": version, "Rows": 1, "Seq": version}
        for version, name in enumerate(names, 1)
    ]
    await store.insert("datasets", nightly)
    assert (await client.post("/api/v1/datasets/golden/rows", json={"rows": rows})).status_code == 200

    response = await client.get(path)

    assert response.status_code == 200
    assert says in response.text
    assert len(response.content) < LIMIT_BYTES


def test_a_long_stretch_of_the_answer_is_marked_also_where_its_white_space_was_folded() -> None:
    stretch = "\n".join(f"claim {number}" for number in range(300))
    evidence = [
        {"text": " ".join(stretch.split()), "supported": False},
        {"text": "not in it", "supported": False},
    ]

    page = trace_page(trace(answer=f"Well.\n{stretch}\n So.", scores=[score(evidence=evidence)]), NOW)

    assert [(each.text, each.unsupported) for each in page.answer] == [
        ("Well.\n", False),
        (stretch, True),
        ("\n So.", False),
    ]
