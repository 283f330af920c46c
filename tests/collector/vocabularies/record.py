"""Records how other instrumentors describe the same RAG calls, as OTLP requests in `recorded/`.

    python tests/collector/vocabularies/record.py [openinference genai traceai openllmetry]

Each vocabulary's instrumentors come from PyPI into an environment of their own, in which this file then runs
the two apps of `_chain` and `_client` with them. Nothing of it runs in the tests: they read what it recorded.
"""

import os
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from json import dumps
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).with_name("recorded")
APP = [
    "langchain",
    "langchain-openai",
    "openai",
    "chromadb",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-common",
]
# Vocabulary: what to install, what to instrument.
VOCABULARIES: dict[str, tuple[list[str], list[str]]] = {
    "openinference": (
        ["openinference-instrumentation-langchain", "openinference-instrumentation-openai"],
        [
            "openinference.instrumentation.langchain:LangChainInstrumentor",
            "openinference.instrumentation.openai:OpenAIInstrumentor",
        ],
    ),
    "genai": (
        ["opentelemetry-instrumentation-genai-langchain", "opentelemetry-instrumentation-genai-openai"],
        [
            "opentelemetry.instrumentation.genai.langchain:LangChainInstrumentor",
            "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
        ],
    ),
    "traceai": (
        ["traceAI-langchain", "traceAI-openai", "traceAI-chromadb"],
        [
            "traceai_langchain:LangChainInstrumentor",
            "traceai_openai:OpenAIInstrumentor",
            "traceai_chromadb:ChromaDBInstrumentor",
        ],
    ),
    "openllmetry": (
        [
            "opentelemetry-instrumentation-langchain",
            "opentelemetry-instrumentation-openai",
            "opentelemetry-instrumentation-chromadb",
        ],
        [
            "opentelemetry.instrumentation.langchain:LangchainInstrumentor",
            "opentelemetry.instrumentation.openai:OpenAIInstrumentor",
            "opentelemetry.instrumentation.chromadb:ChromaInstrumentor",
        ],
    ),
}
# Content is off by default in OpenTelemetry's own.
ENVIRONMENT = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "TRACELOOP_TRACE_CONTENT": "true",
    "ANONYMIZED_TELEMETRY": "false",
}

QUESTION = "How long do refunds take?"
ANSWER = "Refunds take five working days."
PASSAGES = {
    "doc-1": "Refunds are paid within five working days.",
    "doc-2": "Invoices are sent on the first of the month.",
    "doc-3": "Parcels can be returned free of charge.",
}
USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 0},
}


def record(vocabulary: str) -> None:
    """Install the vocabulary's instrumentors and run the apps with them."""
    packages, _ = VOCABULARIES[vocabulary]
    with tempfile.TemporaryDirectory() as home:
        venv.create(home, with_pip=True)
        python = str(Path(home) / "bin/python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", *APP, *packages], check=True)
        subprocess.run([python, __file__, "--run", vocabulary], check=True, env={**os.environ, **ENVIRONMENT})


def run(vocabulary: str) -> None:
    """Run both apps, each into a file of its own; called in the vocabulary's environment."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": f"recorded-{vocabulary}"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    for path in VOCABULARIES[vocabulary][1]:
        module, _, name = path.partition(":")
        getattr(import_module(module), name)().instrument(tracer_provider=provider)

    apps: dict[str, Callable[[str], None]] = {"chain": _chain, "client": _client}
    RECORDED.mkdir(exist_ok=True)
    with _provider_stub() as base_url:
        for app, call in apps.items():
            exporter.clear()
            with trace.get_tracer("recorder").start_as_current_span("request"):
                call(base_url)
            target = RECORDED / f"{vocabulary}-{app}.otlp"
            target.write_bytes(encode_spans(exporter.get_finished_spans()).SerializeToString())
            sys.stderr.write(f"{target.name}: {len(exporter.get_finished_spans())} spans\n")


def _chain(base_url: str) -> None:
    """A LangChain chain: an in-memory vector store, a prompt, a chat model over the provider's client.

    Both the framework and the client are instrumented, so vocabularies may describe its one call twice.
    """
    from langchain_core.documents import Document
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnablePassthrough
    from langchain_core.vectorstores import InMemoryVectorStore
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    store.add_documents([Document(id=id_, page_content=text) for id_, text in PASSAGES.items()])
    model = ChatOpenAI(
        model="small-chat-1", base_url=base_url, api_key=SecretStr("stub"), temperature=0.1, max_retries=0
    )
    chain: Any = (
        {"context": store.as_retriever(search_kwargs={"k": 2}), "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_messages([("system", "Context: {context}"), ("human", "{question}")])
        | model
        | StrOutputParser()
    )
    chain.invoke(QUESTION)


def _client(base_url: str) -> None:
    """The provider's own client and a vector store's, without a framework."""
    import chromadb
    import openai

    client = openai.OpenAI(api_key="stub", base_url=base_url, max_retries=0)
    vector = client.embeddings.create(model="embed-small-1", input=QUESTION).data[0].embedding
    collection: Any = chromadb.EphemeralClient().create_collection("help")
    vectors = [[0.1, 0.2, 0.3], [0.9, 0.1, 0.1], [0.2, 0.8, 0.2]]
    collection.add(ids=list(PASSAGES), documents=list(PASSAGES.values()), embeddings=vectors)
    found = collection.query(query_embeddings=[vector], n_results=2)
    context = "\n".join((found["documents"] or [[]])[0])
    client.chat.completions.create(
        model="small-chat-1",
        temperature=0.1,
        messages=[{"role": "system", "content": context}, {"role": "user", "content": QUESTION}],
    )


class _Provider(BaseHTTPRequestHandler):
    """The two calls of an OpenAI-compatible API that the apps make."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        answer = _embedding() if self.path.endswith("/embeddings") else _completion()
        body = dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def _completion() -> dict[str, Any]:
    message = {"role": "assistant", "content": ANSWER}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small-chat-1-2026",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": USAGE,
    }  # fmt: skip


def _embedding() -> dict[str, Any]:
    return {
        "object": "list", "model": "embed-small-1", "usage": {"prompt_tokens": 6, "total_tokens": 6},
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2, 0.3]}],
    }  # fmt: skip


@contextmanager
def _provider_stub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2])
    else:
        for chosen in sys.argv[1:] or VOCABULARIES:
            record(chosen)
