"""Whatever the app handles, attributes are made, and OpenTelemetry can carry them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider

from groundtrace.attributes import (
    document_attributes,
    input_attributes,
    message_attributes,
)
from groundtrace.documents import Document
from groundtrace.embedding import vector_attributes
from groundtrace.passages import passage_id
from groundtrace.settings import TraceSettings
from groundtrace.steps.recognise import find_documents, find_reranked
from groundtrace.steps.replies import find_messages, find_reply
from groundtrace.text import encodable

TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("t")

# Lone surrogates, too: badly decoded files are full of them.
text = st.text(st.characters())
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text | st.binary() | st.just(object()),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from(["id", "text", "score", "content", "metadata", "usage"]), inner)
    ),
    max_leaves=20,
)
documents = st.lists(
    st.builds(
        Document,
        id=st.none() | text,
        content=st.none() | text,
        score=st.none() | st.floats(),
        metadata=st.none() | st.dictionaries(st.text(), anything),
    ),
    max_size=60,
)
some_settings = st.builds(
    TraceSettings,
    content=st.sampled_from(["full", "ids", "none"]),
    max_attribute_chars=st.integers(50, 200),
    max_attributes=st.integers(40, 200),
    redact=st.sampled_from([(), (str.upper,)]),
)


@given(anything, some_settings)
def test_any_value_is_text_of_bounded_length(value: object, settings: TraceSettings) -> None:
    for attribute in input_attributes(value, settings).values():
        assert isinstance(attribute, str | tuple)
        assert isinstance(attribute, tuple) or len(attribute) <= max(settings.max_attribute_chars, 50)


@given(documents, some_settings)
def test_document_attributes_stay_inside_the_limit(found: list[Document], settings: TraceSettings) -> None:
    attributes = document_attributes("retrieval.documents", found, settings)

    assert len(attributes) <= settings.max_attributes


@given(documents)
def test_ids_come_back_in_rank_order(found: list[Document]) -> None:
    attributes = document_attributes("retrieval.documents", found, TraceSettings(max_attributes=1_000))

    for index, document in enumerate(found):
        known = passage_id(document)
        assert (known is None) <= (document.id is None and not document.content)
        assert attributes.get(f"retrieval.documents.{index}.document.id") == (
            None if known is None else encodable(known)
        )


@given(anything)
def test_recognition_never_raises(value: object) -> None:
    find_documents(value)
    find_reranked(value, [Document(id="a")])
    find_messages(value)
    find_reply(value)
    vector_attributes(value, TraceSettings(vector_sample=1.0))


@given(st.lists(st.dictionaries(st.sampled_from(["role", "content", "name", "tool_calls"]), st.text())))
def test_genai_messages_are_json(messages: list[dict[str, str]]) -> None:
    plain = [{**message, "tool_calls": []} for message in messages]
    settings = TraceSettings(genai_messages=True, max_attribute_chars=10**6)

    attributes = message_attributes("llm.input_messages", plain, settings)

    assert len(json.loads(str(attributes["gen_ai.input.messages"]))) == len(messages)


@given(documents, anything, some_settings)
def test_spans_with_these_attributes_can_be_encoded(
    found: list[Document], value: object, settings: TraceSettings
) -> None:
    span = TRACER.start_span("s")
    span.set_attributes(document_attributes("retrieval.documents", found, settings))
    span.set_attributes(input_attributes(value, settings))

    assert encode_spans([span]).SerializeToString()  # type: ignore[list-item]
