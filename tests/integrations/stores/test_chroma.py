"""A real Chroma in this process, and its server for the async client: documents are what a query returned."""

import contextlib
import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_integrations.chroma import ChromaInstrumentor
from tests.integrations.instrumented import instrumented
from tests.span_recorder import RecordedSpan, SpanRecorder

TEXTS = {"paris": "Paris is in France.", "rome": "Rome is in Italy.", "tea": "Tea is a drink."}
VECTORS = {"paris": [1.0, 0.0, 0.1], "rome": [0.8, 0.4, 0.0], "tea": [0.0, 0.1, 1.0]}
names = (f"facts-{number}" for number in itertools.count())


class WordEncoder:
    """An embedding function of the app's: the vectors of words it knows."""

    def __call__(self, input: list[str]) -> list[list[float]]:  # noqa: A002 - Chroma's name
        return [next(VECTORS[word] for word in VECTORS if word in text.lower()) for text in input]

    embed_query = __call__

    @staticmethod
    def is_legacy() -> bool:
        return True  # Chroma is not to store it


@pytest.fixture(scope="module")
def client() -> Any:
    chromadb = pytest.importorskip("chromadb")
    from chromadb.config import Settings

    return chromadb.EphemeralClient(Settings(anonymized_telemetry=False))


@pytest.fixture(scope="module")
def facts(client: Any) -> Any:
    return filled(client, next(names))


def filled(client: Any, name: str, **arguments: Any) -> Any:
    collection = client.create_collection(name, embedding_function=WordEncoder(), **arguments)
    collection.add(
        ids=list(TEXTS),
        embeddings=list(VECTORS.values()),
        documents=list(TEXTS.values()),
        metadatas=[{"page": page} for page in range(len(TEXTS))],
    )
    return collection


@pytest.fixture(autouse=True)
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    with instrumented(spans, ChromaInstrumentor()):
        yield spans


def assert_tells(span: RecordedSpan, result: Any) -> None:
    assert span.kind == "RETRIEVER"
    assert span.document_ids == result["ids"][0]
    assert span.documents("retrieval.documents", "content") == result["documents"][0]
    assert span.document_scores == [float(distance) for distance in result["distances"][0]]
    assert span.documents("retrieval.documents", "metadata") == [
        f'{{"page":{metadata["page"]}}}' for metadata in result["metadatas"][0]
    ]
    assert span.attributes["retrieval.score_sense"] == "distance"


@pytest.mark.parametrize(
    ("args", "kwargs", "top_k"),
    [
        pytest.param((), {"query_embeddings": [VECTORS["rome"]], "n_results": 2}, 2, id="keywords"),
        pytest.param(([VECTORS["rome"]],), {}, 10, id="by position, as many as by default"),
        pytest.param((VECTORS["rome"],), {"n_results": 1}, 1, id="one vector without a list"),
        pytest.param((None, ["rome?"]), {"n_results": 2}, 2, id="a text by position"),
    ],
)
def test_documents_are_what_the_query_returned(
    traced: SpanRecorder, facts: Any, args: tuple[Any, ...], kwargs: dict[str, Any], top_k: int
) -> None:
    result = facts.query(*args, **kwargs)

    span = traced.named("Collection.query")
    assert_tells(span, result)
    assert span.attributes["retrieval.top_k"] == span.attributes["gen_ai.retrieval.top_k"] == top_k
    assert span.attributes["gen_ai.data_source.id"] == facts.name
    assert "retrieval.query_count" not in span.attributes


def test_the_text_that_is_searched_for_is_the_input(traced: SpanRecorder, facts: Any) -> None:
    result = facts.query(query_texts="Where is Rome?", n_results=2)

    assert result["ids"][0][0] == "rome"
    assert traced.named("Collection.query").attributes["input.value"] == "Where is Rome?"


def test_several_queries_are_one_span_with_the_first_ones_documents(traced: SpanRecorder, facts: Any) -> None:
    result = facts.query(query_texts=["tea?", "rome?", "paris?"], n_results=2)

    span = traced.named("Collection.query")
    assert_tells(span, result)
    assert span.attributes["input.value"] == "tea?"
    assert span.attributes["retrieval.query_count"] == 3


def test_what_the_app_did_not_ask_for_is_not_there(traced: SpanRecorder, facts: Any) -> None:
    facts.query(query_embeddings=[VECTORS["tea"]], n_results=2, include=["documents"])

    span = traced.one()
    assert span.document_ids == ["tea", "rome"]
    assert span.document_scores == [None, None]
    assert "retrieval.score_sense" not in span.attributes


def test_a_query_that_finds_nothing_is_a_span_without_documents(traced: SpanRecorder, facts: Any) -> None:
    facts.query(query_embeddings=[VECTORS["tea"]], where={"page": 99})

    assert traced.one().document_ids == []
    assert traced.one().status.name == "OK"


def test_what_the_store_raises_is_raised_and_told(traced: SpanRecorder, facts: Any) -> None:
    with pytest.raises(Exception, match="dimension") as raised:
        facts.query(query_embeddings=[[1.0, 2.0]])

    assert traced.one().attributes["error.type"] == type(raised.value).__name__


def test_writing_and_fetching_by_id_are_no_retrieval(traced: SpanRecorder, client: Any) -> None:
    collection = filled(client, next(names))
    collection.get(ids=["tea"])
    collection.peek()

    assert traced.all() == []


needs_one_place = pytest.mark.skipif(
    find_spec("chromadb") is None or find_spec("chromadb.api.models.CollectionCommon") is None,
    reason="this version calls its embedding functions here and there",
)


class NamedEncoder(WordEncoder):
    model_name = "words"


class TenantEncoder(NamedEncoder):
    """One that asks OpenAI's API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, input: list[str]) -> list[list[float]]:  # noqa: A002 - Chroma's name
        import openai

        with openai.OpenAI(api_key="sk", base_url=self.url) as client:
            answer = client.embeddings.create(model=self.model_name, input=input)
        return [found.embedding for found in answer.data]

    embed_query = __call__


@needs_one_place
def test_a_querys_text_is_encoded_in_a_span_of_its_own(traced: SpanRecorder, client: Any) -> None:
    collection = client.create_collection(next(names), embedding_function=NamedEncoder())
    collection.add(ids=["tea"], embeddings=[VECTORS["tea"]])
    collection.query(query_texts=["Where is Rome?"], n_results=1)

    retrieval, encoding = traced.all()
    assert (encoding.name, encoding.kind) == ("NamedEncoder", "EMBEDDING")
    assert encoding.parent_id == retrieval.span_id
    attributes = encoding.attributes
    assert attributes["embedding.model_name"] == attributes["gen_ai.request.model"] == "words"
    assert attributes["input.value"] == "Where is Rome?"
    assert attributes["gen_ai.embeddings.dimension.count"] == 3
    assert attributes["embedding.fingerprint"] == embedding_fingerprint(model="words", dimension=3)
    assert "groundtrace.indexing" not in attributes


@needs_one_place
@pytest.mark.parametrize("method", ["add", "upsert", "update"])
def test_what_is_written_is_encoded_as_indexing(traced: SpanRecorder, client: Any, method: str) -> None:
    collection = client.create_collection(next(names), embedding_function=NamedEncoder())
    if method == "update":
        collection.add(ids=list(TEXTS), embeddings=list(VECTORS.values()))
    getattr(collection, method)(ids=list(TEXTS), documents=list(TEXTS.values()))

    attributes = traced.one().attributes
    assert attributes["groundtrace.indexing"] is True
    assert attributes["embedding.text_count"] == 3
    assert attributes["embedding.embeddings.2.embedding.text"] == TEXTS["tea"]


@needs_one_place
def test_an_encoder_that_fails_fails_as_before_and_is_told(traced: SpanRecorder, client: Any) -> None:
    collection = client.create_collection(next(names), embedding_function=NamedEncoder())
    with pytest.raises(StopIteration) as raised:
        collection.query(query_texts=["coffee?"], n_results=1)

    assert {span.status.name for span in traced.all()} == {"ERROR"}
    assert {span.attributes["error.type"] for span in traced.all()} == {type(raised.value).__name__}


@needs_one_place
def test_a_remote_encoder_below_it_is_the_same_step(traced: SpanRecorder, client: Any) -> None:
    pytest.importorskip("openai")
    from groundtrace_integrations.openai import OpenAIInstrumentor
    from tests.integrations.provider_stub import serving

    with serving() as provider, instrumented(traced, OpenAIInstrumentor()):
        collection = client.create_collection(next(names), embedding_function=TenantEncoder(provider.url))
        collection.add(ids=["tea"], documents=["Tea is a drink."])

    span = traced.one()
    assert span.name == "TenantEncoder"
    assert span.attributes["embedding.model_name"] == "words"
    assert span.attributes["llm.token_count.prompt"] > 0  # which only the client knows


@needs_one_place
def test_the_default_function_is_known_by_its_model(
    traced: SpanRecorder, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    # The model itself would have to be downloaded.
    monkeypatch.setattr(ONNXMiniLM_L6_V2, "__call__", lambda _, texts: [[0.1] * 384 for _ in texts])
    collection = client.create_collection(next(names))
    collection.add(ids=["tea"], documents=["Tea is a drink."])

    attributes = traced.one().attributes
    assert attributes["embedding.model_name"] == ONNXMiniLM_L6_V2.MODEL_NAME == "all-MiniLM-L6-v2"
    assert attributes["gen_ai.embeddings.dimension.count"] == 384


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    """Run Chroma's own server; yields its port."""
    command = Path(sys.executable).with_name("chroma")
    if not command.exists() or find_spec("chromadb") is None or not _has_async_client():
        pytest.skip("this version has no server of its own or no async client")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["run", "--host", "127.0.0.1", "--port", str(port), "--path", str(tmp_path)]
    process = subprocess.Popen([command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _has_async_client() -> bool:
    return find_spec("chromadb.api.models.AsyncCollection") is not None


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("Chroma's server does not answer")


@pytest.mark.verify  # the server's start takes seconds
async def test_the_async_client_is_told_alike(traced: SpanRecorder, server: int) -> None:
    import chromadb
    from chromadb.config import Settings

    client: Any = await chromadb.AsyncHttpClient(
        host="127.0.0.1", port=server, settings=Settings(anonymized_telemetry=False)
    )
    collection = await client.create_collection("facts", embedding_function=None)
    await collection.add(
        ids=list(TEXTS),
        embeddings=list(VECTORS.values()),
        documents=list(TEXTS.values()),
        metadatas=[{"page": page} for page in range(len(TEXTS))],
    )

    result = await collection.query(query_embeddings=[VECTORS["rome"]], n_results=2)

    assert traced.one().name == "AsyncCollection.query"
    assert_tells(traced.one(), result)
    # Chroma gives no way to close its connections.
    await client._server._cleanup()
