import json
from dataclasses import dataclass
from datetime import date

import pytest

from groundtrace import semconv
from groundtrace.attributes import (
    document_attributes,
    input_attributes,
    merge_attributes,
    message_attributes,
    output_attributes,
    token_attributes,
)
from groundtrace.documents import Document
from groundtrace.settings import TraceSettings

FULL = TraceSettings(max_attributes=1_024)
TWO = [
    Document(id="d2", content="second", score=0.9, metadata={"page": 2}),
    Document(id="d1", content="first", score=0.5),
]


def test_documents_are_flat_and_in_rank_order() -> None:
    assert document_attributes("retrieval.documents", TWO, FULL) == {
        "retrieval.documents.0.document.id": "d2",
        "retrieval.documents.0.document.score": 0.9,
        "retrieval.documents.0.document.content": "second",
        "retrieval.documents.0.document.metadata": '{"page":2}',
        "retrieval.documents.1.document.id": "d1",
        "retrieval.documents.1.document.score": 0.5,
        "retrieval.documents.1.document.content": "first",
        "gen_ai.retrieval.documents": '[{"id":"d2","score":0.9},{"id":"d1","score":0.5}]',
    }


@pytest.mark.parametrize("prefix", ["retrieval.documents", "reranker.input_documents"])
def test_a_hundred_documents_stay_inside_the_attribute_limit_best_first(prefix: str) -> None:
    documents = [
        Document(id=f"d{i}", content=f"text {i}", score=1 - i / 100, metadata={"i": i}) for i in range(100)
    ]

    attributes = document_attributes(prefix, documents, TraceSettings(max_attributes=128))

    assert len(attributes) <= 128 - 32 + 2
    assert attributes[f"{prefix}.0.document.id"] == "d0"
    assert attributes[f"{prefix}.0.document.score"] == 1.0
    assert prefix in attributes["groundtrace.truncated"]  # type: ignore[operator]


def test_ids_and_scores_of_documents_beyond_the_limit_stand_in_the_genai_attribute() -> None:
    documents = [Document(id=f"d{i}", score=0.5) for i in range(100)]

    attributes = document_attributes("retrieval.documents", documents, TraceSettings(max_attributes=128))

    assert len(json.loads(str(attributes["gen_ai.retrieval.documents"]))) == 100


def test_metadata_gives_way_to_content_and_content_to_ids() -> None:
    documents = [Document(id=f"d{i}", content="c", score=0.1, metadata={"i": i}) for i in range(40)]

    attributes = document_attributes("retrieval.documents", documents, TraceSettings(max_attributes=128))

    assert sum(key.endswith(".document.id") for key in attributes) == 40
    assert sum(key.endswith(".document.content") for key in attributes) == 16
    assert sum(key.endswith(".document.metadata") for key in attributes) == 0


def test_content_ids_keeps_ids_and_scores_and_no_text() -> None:
    attributes = document_attributes("retrieval.documents", TWO, TraceSettings(content="ids"))

    assert attributes["retrieval.documents.0.document.id"] == "d2"
    assert "second" not in str(attributes)
    assert "page" not in str(attributes)
    assert input_attributes("a question", TraceSettings(content="ids")) == {}


def test_content_none_keeps_scores_only() -> None:
    attributes = document_attributes("retrieval.documents", TWO, TraceSettings(content="none"))

    assert attributes == {
        "retrieval.documents.0.document.score": 0.9,
        "retrieval.documents.1.document.score": 0.5,
    }


def test_long_text_is_cut_with_a_marker_and_named() -> None:
    attributes = input_attributes("x" * 500, TraceSettings(max_attribute_chars=100))

    assert len(str(attributes["input.value"])) == 100
    assert str(attributes["input.value"]).endswith("… [400 characters cut]")
    assert attributes["groundtrace.truncated"] == ("input.value",)


def test_cut_json_is_no_longer_called_json() -> None:
    attributes = output_attributes({"text": "x" * 500}, TraceSettings(max_attribute_chars=100))

    assert attributes["output.mime_type"] == "text/plain"


@dataclass
class Point:
    x: int
    day: date


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param({"a": (1, None)}, '{"a":[1,null]}', id="mapping"),
        pytest.param(Point(1, date(2026, 1, 2)), '{"x":1,"day":"2026-01-02"}', id="dataclass"),
        pytest.param(b"abc", '"<3 bytes>"', id="bytes"),
        pytest.param(Unprintable(), '"<Unprintable>"', id="raising-str"),
        pytest.param({(1, 2): 3}, '"{(1, 2): 3}"', id="tuple-keys"),
        pytest.param(7, "7", id="number"),
    ],
)
def test_any_value_becomes_json(value: object, text: str) -> None:
    assert input_attributes(value, FULL) == {"input.value": text, "input.mime_type": "application/json"}


def test_a_value_that_holds_itself_becomes_text() -> None:
    cycle: list[object] = []
    cycle.append(cycle)

    assert input_attributes(cycle, FULL)["input.value"] == '"[[...]]"'


def test_redactors_reach_texts_in_values_documents_and_messages() -> None:
    settings = TraceSettings(redact=(lambda text: text.replace("secret", "***"),))

    assert input_attributes("my secret", settings)["input.value"] == "my ***"
    assert input_attributes({"k": ["secret"]}, settings)["input.value"] == '{"k":["***"]}'
    documents = document_attributes(
        "retrieval.documents", [Document(content="a secret", metadata={"m": "secret"})], settings
    )
    messages = message_attributes(
        "llm.input_messages",
        [{"role": "user", "content": "secret", "tool_calls": [{"function": {"arguments": "secret"}}]}],
        settings,
    )
    assert "secret" not in str([*documents.values(), *messages.values()])


def test_redaction_of_a_value_that_holds_itself_ends() -> None:
    cycle: dict[str, object] = {"text": "secret"}
    cycle["self"] = cycle
    settings = TraceSettings(redact=(lambda text: text.replace("secret", "***"),))

    assert "secret" not in str(input_attributes(cycle, settings))


def test_a_failing_redactor_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROUNDTRACE_RAISE_FAULTS")

    def broken(text: str) -> str:
        raise ValueError(text)

    assert input_attributes("x", TraceSettings(redact=(broken,)))["input.value"] == semconv.REDACTED


def test_messages_are_flat_with_tool_calls_and_parts() -> None:
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": '{"q":1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
    ]

    assert message_attributes("llm.input_messages", messages, FULL) == {
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "Be brief.",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.contents.0.message_content.type": "text",
        "llm.input_messages.1.message.contents.0.message_content.text": "What is this?",
        "llm.input_messages.1.message.contents.1.message_content.type": "image",
        "llm.input_messages.1.message.contents.1.message_content.image.image.url": "__REDACTED__",
        "llm.input_messages.2.message.role": "assistant",
        "llm.input_messages.2.message.tool_calls.0.tool_call.id": "c1",
        "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "look",
        "llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments": '{"q":1}',
        "llm.input_messages.3.message.role": "tool",
        "llm.input_messages.3.message.tool_call_id": "c1",
        "llm.input_messages.3.message.content": "a cat",
    }


def test_of_too_many_messages_the_first_and_the_last_are_kept() -> None:
    messages = [{"role": "user", "content": str(i)} for i in range(100)]

    attributes = message_attributes("llm.input_messages", messages, TraceSettings(max_attributes=128))

    assert attributes["llm.input_messages.0.message.content"] == "0"
    assert attributes["llm.input_messages.99.message.content"] == "99"
    assert "llm.input_messages.50.message.content" not in attributes
    assert attributes["groundtrace.truncated"] == ("llm.input_messages",)
    assert len(attributes) <= 128 - 32


def test_hidden_message_text_leaves_the_role() -> None:
    attributes = message_attributes(
        "llm.input_messages", [{"role": "user", "content": "x"}], TraceSettings(hide_input_text=True)
    )

    assert attributes == {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "__REDACTED__",
    }


def test_genai_messages_stand_beside_when_asked_for() -> None:
    settings = TraceSettings(genai_messages=True)

    attributes = message_attributes("llm.output_messages", [{"role": "assistant", "content": "Hi"}], settings)

    assert json.loads(str(attributes["gen_ai.output.messages"])) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Hi"}]}
    ]


def test_tokens_come_in_both_vocabularies_with_their_sum() -> None:
    assert token_attributes(prompt=10, completion=4, cache_read=3) == {
        "llm.token_count.prompt": 10,
        "gen_ai.usage.input_tokens": 10,
        "llm.token_count.completion": 4,
        "gen_ai.usage.output_tokens": 4,
        "llm.token_count.total": 14,
        "llm.token_count.prompt_details.cache_read": 3,
        "gen_ai.usage.cache_read.input_tokens": 3,
    }


def test_merged_parts_unite_what_was_cut() -> None:
    assert merge_attributes({"a": 1, "groundtrace.truncated": ("x",)}, {"groundtrace.truncated": ("y",)}) == {
        "a": 1,
        "groundtrace.truncated": ("x", "y"),
    }


def test_text_that_utf8_lacks_is_replaced() -> None:
    attributes = input_attributes("caf\udce9", FULL)
    documents = document_attributes("retrieval.documents", [Document(id="a\ud800", content="\ud800")], FULL)

    assert attributes["input.value"] == "caf?"
    assert documents["retrieval.documents.0.document.id"] == "a?"
    assert documents["retrieval.documents.0.document.content"] == "?"
