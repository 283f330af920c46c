"""The inference client's methods, and what of their arguments goes into spans."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from groundtrace import semconv
from groundtrace.attributes import (
    Attributes,
    document_attributes,
    input_attributes,
    json_attribute,
    merge_attributes,
    text_attribute,
)
from groundtrace.documents import Document
from groundtrace.embedding import speed_attributes, text_attributes
from groundtrace.guard import guarded
from groundtrace.passages import passages
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import cover_of
from groundtrace_integrations.huggingface.generation import (
    ChatAnswers,
    GenerationAnswers,
    begin_generation,
)
from groundtrace_integrations.huggingface.vectors import remote_space
from groundtrace_integrations.openai.operations import CHAT, COMPLETIONS
from groundtrace_integrations.patches import Wrap
from groundtrace_integrations.stainless.operations import Operation, Request
from groundtrace_integrations.stainless.reading import Answers
from groundtrace_integrations.watching import Arguments, CoveredCall, OwnCall, Watch, watched

# What names the router's choice, and not who answers.
_NO_PROVIDERS: Final = frozenset({None, "auto", "hf-inference"})
_ADDRESSES: Final = ("http://", "https://")
_EMBEDDING_PARAMETERS: Final = (
    "normalize",
    "prompt_name",
    "truncate",
    "truncation_direction",
    "dimensions",
    "encoding_format",
)


def client_wraps(tracer: CallTracer) -> dict[str, Wrap]:
    """Wraps for the methods of either client class."""
    return {
        "chat_completion": watched(tracer, partial(_begin_generation, tracer, CHAT, ChatAnswers())),
        "text_generation": watched(
            tracer, partial(_begin_generation, tracer, COMPLETIONS, GenerationAnswers())
        ),
        "feature_extraction": watched(tracer, partial(_begin_embedding, tracer)),
        "sentence_similarity": watched(tracer, partial(_begin_similarity, tracer)),
    }


def asked_model(client: Any, arguments: Arguments) -> str | None:
    """Return the model's name; None where it is an address, or the server's choice."""
    model = arguments.get("model") or getattr(client, "model", None)
    return model if isinstance(model, str) and not model.startswith(_ADDRESSES) else None


def asked_encoder(client: Any, arguments: Arguments) -> str | None:
    """Return the model's name, or the host and path of the server that runs it: its answers name none."""
    model = arguments.get("model") or getattr(client, "model", None)
    if not isinstance(model, str) or not model.startswith(_ADDRESSES):
        return model if isinstance(model, str) else None
    address = urlsplit(model)
    return (address.netloc.rpartition("@")[2] + address.path).rstrip("/")


def provider_of(client: Any) -> str:
    """Return who runs the model, by the name that it is asked for."""
    provider = getattr(client, "provider", None)
    return "huggingface" if provider in _NO_PROVIDERS else str(provider)


def _begin_generation(
    tracer: CallTracer, operation: Operation, answers: Answers, client: Any, arguments: Arguments
) -> Watch | None:
    extra = arguments.get("extra_body")
    body = {name: value for name, value in arguments.items() if value is not None and name != "extra_body"}
    body.update(extra if isinstance(extra, Mapping) else {})
    body.pop("model", None)
    model = asked_model(client, arguments)
    if model is not None:
        body["model"] = model
    if not body.get("stream"):
        body.pop("stream", None)  # a default
    request = Request(operation=operation, body=body)
    provider = provider_of(client)
    own: Attributes = {semconv.LLM_PROVIDER: provider, semconv.GEN_AI_PROVIDER_NAME: provider}
    method = "chat_completion" if operation is CHAT else "text_generation"
    return begin_generation(tracer, f"{type(client).__name__}.{method}", request, answers, own)


def _begin_embedding(tracer: CallTracer, client: Any, arguments: Arguments) -> Watch:
    # Whatever the framework around calls the model: an encoder inside of an encoder's step is that step.
    cover = cover_of(SpanKind.EMBEDDING, None)
    model = asked_encoder(client, arguments)
    if cover is not None:
        name = asked_model(client, arguments) or cover.model or model
        return CoveredCall(cover, lambda vectors: remote_space(name, arguments, vectors))
    name = f"{type(client).__name__}.feature_extraction"
    call = tracer.begin_call(SpanKind.EMBEDDING, name, GenAIOperation.EMBEDDINGS.value)
    if call.recording:
        with guarded("reading an encoder's arguments"):
            call.model = model
            call.add(_embedding_attributes(client, arguments, call))
    return OwnCall(call, partial(_embedded, call, model, arguments))


def _embedding_attributes(client: Any, arguments: Arguments, call: Call) -> Attributes:
    given = arguments.get("text")
    texts = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
    parameters = {name: arguments[name] for name in _EMBEDDING_PARAMETERS if arguments.get(name) is not None}
    return merge_attributes(
        {semconv.GEN_AI_PROVIDER_NAME: provider_of(client)},
        text_attributes(texts, call.settings),
        json_attribute(semconv.EMBEDDING_INVOCATION_PARAMETERS, parameters, call.settings),
    )


def _embedded(call: Call, model: str | None, arguments: Arguments, vectors: Any) -> Attributes:
    duration_ns = call.duration_ns
    count = call.attributes.get(semconv.EMBEDDING_TEXT_COUNT)
    return merge_attributes(
        remote_space(model, arguments, vectors, call.settings),
        speed_attributes(text_count=count if isinstance(count, int) else 0, duration_ns=duration_ns),
    )


def _begin_similarity(tracer: CallTracer, client: Any, arguments: Arguments) -> Watch | None:
    if cover_of(SpanKind.RERANKER, None) is not None:
        return None
    name = f"{type(client).__name__}.sentence_similarity"
    call = tracer.begin_call(SpanKind.RERANKER, name)
    given = arguments.get("other_sentences")
    texts = [str(text) for text in given] if isinstance(given, list | tuple) else []
    if call.recording:
        with guarded("reading a similarity's arguments"):
            call.add(_similarity_attributes(call, client, arguments, texts))
    return OwnCall(call, partial(_ranked, call, texts))


def _similarity_attributes(call: Call, client: Any, arguments: Arguments, texts: Sequence[str]) -> Attributes:
    attributes: Attributes = {semconv.GEN_AI_PROVIDER_NAME: provider_of(client)}
    model = asked_encoder(client, arguments)
    if model is not None:
        attributes[semconv.RERANKER_MODEL_NAME] = attributes[semconv.GEN_AI_REQUEST_MODEL] = model
    query = str(arguments.get("sentence") or "")
    hidden: Attributes = {semconv.RERANKER_QUERY: semconv.REDACTED}
    documents = passages.named(call.span, [Document(content=text) for text in texts])
    return merge_attributes(
        attributes,
        input_attributes(query, call.settings),
        hidden if call.settings.hide_inputs else text_attribute(semconv.RERANKER_QUERY, query, call.settings),
        document_attributes(semconv.RERANKER_INPUT_DOCUMENTS, documents, call.settings),
    )


def _ranked(call: Call, texts: Sequence[str], scores: Any) -> Attributes:
    found = [Document(content=text, score=float(score)) for text, score in zip(texts, scores, strict=False)]
    best_first = sorted(passages.named(call.span, found), key=lambda document: -(document.score or 0.0))
    return document_attributes(semconv.RERANKER_OUTPUT_DOCUMENTS, best_first, call.settings)
