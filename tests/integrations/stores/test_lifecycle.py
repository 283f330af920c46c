"""What all three store instrumentors share: on and off, suppressed, unsampled, beside others, without content."""

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import groundtrace
from groundtrace.settings import TraceSettings
from groundtrace_integrations.chroma import ChromaInstrumentor
from groundtrace_integrations.faiss import FAISSInstrumentor
from groundtrace_integrations.instrumentor import LibraryInstrumentor
from groundtrace_integrations.qdrant import QdrantInstrumentor
from tests.integrations.instrumented import instrumented
from tests.span_recorder import SpanRecorder

LETTER = "Call jane@example.com about the kettle."


@dataclass(frozen=True)
class Store:
    """A store that is filled, how to search it, and the class and method that are hooked for that."""

    name: str
    instrumentor: type[LibraryInstrumentor]
    search: Callable[[], Any]
    owner: type
    method: str


def faiss_store() -> Store:
    import faiss
    import numpy as np

    vectors = np.eye(3, dtype=np.float32)
    index = faiss.IndexFlatIP(3)
    index.add(vectors)
    return Store("faiss", FAISSInstrumentor, lambda: index.search(vectors[:1], 2), faiss.IndexFlat, "search")


def chroma_store() -> Store:
    from chromadb import EphemeralClient
    from chromadb.api.models.Collection import Collection
    from chromadb.config import Settings

    client = EphemeralClient(Settings(anonymized_telemetry=False))
    collection: Any = client.get_or_create_collection("secrets")  # its types know no lists of lists
    collection.upsert(
        ids=["a", "b"], embeddings=[[1.0, 0.0], [0.0, 1.0]], documents=[LETTER, "Tea."],
        metadatas=[{"owner": "jane@example.com"}, {"owner": "joe@example.com"}],
    )  # fmt: skip
    return Store(
        "chroma", ChromaInstrumentor,
        lambda: collection.query(query_embeddings=[[1.0, 0.1]], n_results=2), Collection, "query",
    )  # fmt: skip


def qdrant_store() -> Store:
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    client.create_collection(
        "secrets", vectors_config=models.VectorParams(size=2, distance=models.Distance.COSINE)
    )
    payloads = ({"text": LETTER, "owner": "jane@example.com"}, {"text": "Tea.", "owner": "joe@example.com"})
    client.upsert(
        "secrets",
        [
            models.PointStruct(id=number, vector=[1.0 - number, float(number)], payload=payload)
            for number, payload in enumerate(payloads)
        ],
    )
    method = "query_points" if hasattr(client, "query_points") else "search"
    return Store(
        "qdrant", QdrantInstrumentor, lambda: getattr(client, method)("secrets", [1.0, 0.1], limit=2),
        QdrantClient, method,
    )  # fmt: skip


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((faiss_store, "faiss"), id="faiss"),
        pytest.param((chroma_store, "chromadb"), id="chroma"),
        pytest.param((qdrant_store, "qdrant_client"), id="qdrant"),
    ],
)
def store(request: pytest.FixtureRequest) -> Store:
    fill, library = request.param
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed in this environment")
    made: Store = fill()
    return made


def test_uninstrument_restores_and_instrument_works_again(spans: SpanRecorder, store: Store) -> None:
    before = vars(store.owner)[store.method]
    instrumentor = store.instrumentor()
    for _ in range(2):
        instrumentor.instrument(tracer_provider=spans.provider, skip_dep_check=True)
        assert vars(store.owner)[store.method] is not before
        store.search()
        instrumentor.uninstrument()
        assert vars(store.owner)[store.method] is before
        store.search()

    assert [span.kind for span in spans.all()] == ["RETRIEVER", "RETRIEVER"]


def test_a_hooked_method_keeps_its_signature_and_words(spans: SpanRecorder, store: Store) -> None:
    import inspect

    plain = vars(store.owner)[store.method]
    with instrumented(spans, store.instrumentor()):
        hooked = vars(store.owner)[store.method]
        assert inspect.signature(hooked) == inspect.signature(plain)
        assert (hooked.__name__, hooked.__doc__) == (plain.__name__, plain.__doc__)


def test_suppressed_and_unsampled_searches_have_no_span(spans: SpanRecorder, store: Store) -> None:
    with instrumented(spans, store.instrumentor()), suppress_instrumentation():
        store.search()
    instrumentor = store.instrumentor()
    instrumentor.instrument(tracer_provider=TracerProvider(sampler=ALWAYS_OFF), skip_dep_check=True)
    try:
        store.search()
    finally:
        instrumentor.uninstrument()

    assert spans.all() == []


def test_a_search_is_a_part_of_the_trace_around_it_in_threads_too(spans: SpanRecorder, store: Store) -> None:
    async def gathered() -> None:
        await asyncio.gather(*(asyncio.to_thread(store.search) for _ in range(4)))

    with (
        instrumented(spans, store.instrumentor()),
        trace.get_tracer("app", tracer_provider=spans.provider).start_as_current_span("request"),
    ):
        store.search()
        asyncio.run(gathered())

    request = spans.named("request")
    assert len(spans.children_of(request)) == 5
    assert len(spans.trace_ids()) == 1


def test_threads_of_the_apps_own_leave_nothing_behind(spans: SpanRecorder, store: Store) -> None:
    with instrumented(spans, store.instrumentor()), ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda _: store.search(), range(8)):
            pass
        assert all(not context for context in pool.map(lambda _: get_current(), range(8)))

    assert len(spans.trace_ids()) == len(spans.all()) == 8


@pytest.mark.parametrize(
    ("settings", "ids", "texts"),
    [
        pytest.param(TraceSettings(), True, True, id="full"),
        pytest.param(TraceSettings(content="ids"), True, False, id="ids"),
        pytest.param(TraceSettings(content="none"), False, False, id="none"),
    ],
)
def test_content_is_what_the_settings_allow(
    spans: SpanRecorder, store: Store, settings: TraceSettings, *, ids: bool, texts: bool
) -> None:
    instrumentor = store.instrumentor()
    instrumentor.instrument(tracer_provider=spans.provider, config=settings, skip_dep_check=True)
    try:
        store.search()
    finally:
        instrumentor.uninstrument()

    span = spans.one()
    assert None not in span.document_scores
    assert len(span.document_scores) == 2
    assert (None not in span.document_ids) is ids
    shown = " ".join(str(value) for value in span.attributes.values())
    assert (LETTER in shown) is (texts and store.name != "faiss")
    assert ("secrets" in shown) is (ids and store.name != "faiss")


def test_patterns_are_taken_out_of_texts_and_metadata(
    spans: SpanRecorder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    groundtrace.instrument(only=[store.name], redact="patterns")
    try:
        store.search()
    finally:
        groundtrace.uninstrument()

    shown = " ".join(str(value) for value in spans.one().attributes.values())
    assert "@example.com" not in shown
    assert ("Call [email] about the kettle." in shown) is (store.name != "faiss")


def test_a_fault_of_ours_reaches_nobody(
    spans: SpanRecorder, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.delenv("GROUNDTRACE_RAISE_FAULTS")
    monkeypatch.setattr("groundtrace_integrations.searching._asked_attributes", broken)
    monkeypatch.setattr("groundtrace_integrations.searching._found_attributes", broken)
    with instrumented(spans, store.instrumentor()):
        for _ in range(2):
            assert store.search() is not None

    assert [span.status.name for span in spans.all()] == ["OK", "OK"]
    assert (
        len([record for record in caplog.records if "groundtrace failed" in record.message]) <= 2
    )  # a place


def test_another_vendors_instrumentor_is_noticed_and_not_doubled(
    spans: SpanRecorder, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if not store.instrumentor.peers:
        pytest.skip("nobody else traces it")
    theirs = type("Theirs", (), {})
    theirs._instance = type("Made", (), {"is_instrumented_by_opentelemetry": True})()  # type: ignore[attr-defined]
    module_name, _, class_name = store.instrumentor.peers[0].partition(":")
    module = ModuleType(module_name)
    setattr(module, class_name, theirs)
    monkeypatch.setitem(sys.modules, module_name, module)

    with instrumented(spans, store.instrumentor()):
        store.search()
        store.search()

    assert spans.all() == []
    assert len([record for record in caplog.records if "is traced by" in record.message]) == 1


def test_the_entry_point_names_the_instrumentor(store: Store) -> None:
    (entry,) = entry_points(group="opentelemetry_instrumentor", name=f"groundtrace-{store.name}")

    assert entry.load() is store.instrumentor


@pytest.mark.parametrize("library", ["faiss"])
def test_a_library_that_is_imported_later_is_traced_and_none_is_imported_for_the_app(library: str) -> None:
    pytest.importorskip(library)
    program = f"""
        import sys
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from groundtrace_integrations.chroma import ChromaInstrumentor
        from groundtrace_integrations.faiss import FAISSInstrumentor
        from groundtrace_integrations.qdrant import QdrantInstrumentor

        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        for instrumentor in (ChromaInstrumentor, FAISSInstrumentor, QdrantInstrumentor):
            instrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
        assert not {{"faiss", "chromadb", "qdrant_client", "numpy"}} & set(sys.modules)

        import {library}
        import numpy as np
        index = faiss.IndexFlatL2(3)
        index.add(np.eye(3, dtype=np.float32))
        index.search(np.eye(3, dtype=np.float32)[:1], 1)
        assert [span.name for span in exporter.get_finished_spans()] == ["IndexFlatL2.search"]
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
