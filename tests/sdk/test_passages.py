"""Documents without an id: known by what they tell or say, and by what their trace called them before."""

import subprocess
import sys

import pytest
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, TraceFlags

import groundtrace
from groundtrace import Document
from groundtrace.passages import MAX_TRACES, Passages, passage_id, text_id
from tests.span_recorder import SpanRecorder


@pytest.mark.parametrize(
    ("document", "known"),
    [
        pytest.param(Document(id="a", content="x", metadata={"id": "b"}), "a", id="its own"),
        pytest.param(Document(content="x", metadata={"_id": 7, "source": "s.md"}), "7", id="metadata"),
        pytest.param(Document(content="x", metadata={"id": "", "source": "s.md"}), "s.md", id="source"),
        pytest.param(Document(content="x", metadata={"page": 3}), text_id("x"), id="text"),
        pytest.param(Document(content="\ud800"), text_id("?"), id="text that no encoding knows"),
        pytest.param(Document(content=""), None, id="no text"),
        pytest.param(Document(score=0.5), None, id="nothing"),
    ],
)
def test_a_document_goes_by(document: Document, known: str | None) -> None:
    assert passage_id(document) == known


def test_a_texts_id_is_the_same_in_every_process() -> None:
    program = "from groundtrace.passages import text_id; print(text_id('two years'), end='')"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout == text_id("two years") != text_id("two year")


def test_a_reranker_of_texts_names_what_the_retriever_found(spans: SpanRecorder) -> None:
    @groundtrace.reranker
    def best(query: str, passages: list[str]) -> list[float]:  # noqa: ARG001 - read by the decorator
        return [0.1, 0.9, 0.5]

    with groundtrace.chain("answer"):
        with groundtrace.retriever(query="q") as step:
            step.add_documents([Document(id="a", content="one text"), Document(id="b", content="two texts")])
        best("q", ["one text", "two texts", "a third"])

    span = spans.named("best")
    assert span.documents("reranker.input_documents", "id") == ["a", "b", text_id("a third")]
    assert span.documents("reranker.output_documents", "id") == ["b", text_id("a third"), "a"]


def test_another_traces_ids_are_none_of_ours(spans: SpanRecorder) -> None:
    with groundtrace.retriever(query="q") as step:
        step.add_documents([Document(id="a", content="one text")])
    with groundtrace.reranker(query="q") as reranking:
        reranking.add_output_documents([Document(content="one text", score=1.0)])

    assert spans.of_kind("RERANKER")[0].documents("reranker.output_documents", "id") == [text_id("one text")]


@pytest.mark.parametrize(("content", "known"), [("ids", text_id("a secret text")), ("none", None)])
def test_without_texts_ids_made_of_texts_remain_and_without_ids_they_do_not(
    spans: SpanRecorder, monkeypatch: pytest.MonkeyPatch, content: str, known: str | None
) -> None:
    monkeypatch.setenv("GROUNDTRACE_CONTENT", content)
    with groundtrace.retriever() as step:
        step.add_documents([Document(content="a secret text", score=0.5)])

    assert spans.one().document_ids == [known]
    assert "secret" not in str(spans.one().attributes)


def test_of_equal_texts_the_best_rank_gives_the_name_and_the_first_search_keeps_it() -> None:
    passages, span = Passages(), trace(1)
    passages.note(span, [Document(id="a", content="x"), Document(id="b", content="x")])
    passages.note(span, [Document(id="c", content="x"), Document(id="d", content="y")])

    named = passages.named(
        span, [Document(content="x"), Document(content="y"), Document(id="e", content="y")]
    )
    assert [document.id for document in named] == ["a", "d", "e"]


def test_what_is_remembered_is_bounded() -> None:
    passages = Passages()
    for number in range(1, MAX_TRACES + 2):
        passages.note(trace(number), [Document(id="a", content="x")])

    assert passages.named(trace(1), [Document(content="x")])[0].id is None
    assert passages.named(trace(MAX_TRACES + 1), [Document(content="x")])[0].id == "a"


def test_nothing_is_remembered_where_nothing_is_traced() -> None:
    passages = Passages()
    passages.note(INVALID_SPAN, [Document(id="a", content="x")])

    assert passages.named(INVALID_SPAN, [Document(content="x")])[0].id is None


def trace(number: int) -> NonRecordingSpan:
    return NonRecordingSpan(SpanContext(number, 1, is_remote=False, trace_flags=TraceFlags.get_default()))
