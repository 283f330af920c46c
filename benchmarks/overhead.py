"""What tracing costs the traced app: CPU a call, spans, attributes and bytes a trace, beside other instrumentors.

    python benchmarks/overhead.py [--rounds 7] [--calls 150] [--only chain|client] [--export count|otlp] [--json]

Two apps: `chain`, a LangChain RAG chain (in-memory store, four documents of 500 characters, fake model), and
`client`, OpenAI's client against a stub on the loopback interface. Each instrumentor that is installed runs in a
process of its own, in rounds, each round beginning with another one; `none` is always among them. CPU is that of
all the process's threads, the exporter's included: `count` encodes each batch and drops it, `otlp` also compresses
and posts it, as in production. Figures are medians over the rounds; `added` is the median of the differences to
`none` in the same round, so that what the neighbours do to one round falls out.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

INSTRUMENTORS = {
    "chain": {
        "groundtrace": "groundtrace_integrations.langchain:LangChainInstrumentor",
        "openinference": "openinference.instrumentation.langchain:LangChainInstrumentor",
        "traceai": "traceai_langchain:LangChainInstrumentor",
        "openllmetry": "opentelemetry.instrumentation.langchain:LangchainInstrumentor",
    },
    "client": {
        "groundtrace": "groundtrace_integrations.openai:OpenAIInstrumentor",
        "openinference": "openinference.instrumentation.openai:OpenAIInstrumentor",
        "traceai": "traceai_openai:OpenAIInstrumentor",
        "openllmetry": "opentelemetry.instrumentation.openai:OpenAIInstrumentor",
    },
}
WARM_UP = 40
REPLY = "It takes five working days after the return arrives. " * 4
SENTENCE = "A refund is paid back to the card that was charged, once the return is here. "
Ask = Callable[[int], object]
Figures = dict[str, float]


class Encoding(SpanExporter):
    """Encodes what it is given, as a real exporter does, and remembers it while it is told to."""

    def __init__(self) -> None:
        self.kept: list[ReadableSpan] | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode a batch."""
        encode_spans(spans).SerializeToString()
        if self.kept is not None:
            self.kept.extend(spans)
        return SpanExportResult.SUCCESS


def chain() -> Ask:
    """A LangChain RAG chain."""
    from langchain_core.documents import Document
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnablePassthrough
    from langchain_core.vectorstores import InMemoryVectorStore

    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=64))
    store.add_documents(
        [
            Document(
                id=f"doc-{number}",
                page_content=(f"{number}. " + SENTENCE * 8)[:500],
                metadata={"page": number},
            )
            for number in range(40)
        ]
    )
    prompt = ChatPromptTemplate.from_messages(
        [("system", "Answer from these passages only.\n\n{passages}"), ("human", "{question}")]
    )
    steps = (
        {"passages": store.as_retriever(search_kwargs={"k": 4}) | _joined, "question": RunnablePassthrough()}
        | prompt
        | FakeListChatModel(responses=[REPLY])
        | StrOutputParser()
    )
    return lambda number: steps.invoke(
        f"How long does refund {number} take?", {"metadata": {"thread_id": "t-1"}}
    )


def _joined(documents: Sequence[Any]) -> str:
    return "\n\n".join(document.page_content for document in documents)


def client(url: str) -> Ask:
    """OpenAI's client."""
    import openai

    asked = openai.OpenAI(api_key="sk-stub", base_url=f"{url}/v1", max_retries=0)
    passages = SENTENCE * 26
    return lambda number: asked.chat.completions.create(
        model="stub",
        messages=[
            {"role": "system", "content": passages},
            {"role": "user", "content": f"How long does refund {number} take?"},
        ],
    )


@contextmanager
def stub() -> Iterator[str]:
    """OpenAI's chat API and a collector's endpoint on one port of the loopback interface."""
    answer = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "stub",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": REPLY}}
            ],
            "usage": {"prompt_tokens": 420, "completion_tokens": 40, "total_tokens": 460},
        }
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = b"" if self.path.endswith("/traces") else answer
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def work(app: str, target: str, url: str, calls: int, export: str) -> Figures:
    """Run one app under one instrumentor in this process."""
    encoding = Encoding()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter(export, encoding, url), max_queue_size=1 << 17))
    if target:
        module, _, name = target.partition(":")
        getattr(importlib.import_module(module), name)().instrument(tracer_provider=provider)
    ask = chain() if app == "chain" else client(url)
    for number in range(WARM_UP):
        ask(number)
    provider.force_flush()
    began_ns = time.process_time_ns()
    for number in range(calls):
        ask(number)
    provider.force_flush()
    cpu_us = (time.process_time_ns() - began_ns) / calls / 1e3
    sizing = BatchSpanProcessor(encoding)
    provider.add_span_processor(sizing)
    encoding.kept = []
    ask(0)
    sizing.force_flush()
    return {"cpu_us": cpu_us, **_size(encoding.kept)}


def _exporter(export: str, encoding: Encoding, url: str) -> SpanExporter:
    if export == "count":
        return encoding
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"{url}/v1/traces", compression=Compression.Gzip)


def _size(spans: Sequence[ReadableSpan]) -> Figures:
    distinct = {span.context.span_id: span for span in spans if span.context is not None}
    return {
        "spans": len(distinct),
        "traces": len({span.context.trace_id for span in distinct.values() if span.context is not None}),
        "attributes": sum(len(span.attributes or {}) for span in distinct.values()),
        "bytes": len(encode_spans(list(distinct.values())).SerializeToString()) if distinct else 0,
    }


def measure(app: str, arguments: argparse.Namespace, url: str) -> dict[str, Figures]:
    """Run every installed instrumentor ``rounds`` times, in turn; return the medians."""
    targets = {"none": ""} | {
        name: target for name, target in INSTRUMENTORS[app].items() if _is_installed(target.partition(":")[0])
    }
    rounds: dict[str, list[Figures]] = {name: [] for name in targets}
    for number in range(arguments.rounds):
        names = list(targets)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            worker = [sys.executable, __file__, "--worker", app, targets[name], url]
            options = ["--calls", str(arguments.calls), "--export", arguments.export]
            done = subprocess.run([*worker, *options], capture_output=True, text=True, check=True)
            rounds[name].append(json.loads(done.stdout.splitlines()[-1]))
    return {name: _medians(figures, rounds["none"]) for name, figures in rounds.items()}


def _medians(figures: list[Figures], none: list[Figures]) -> Figures:
    found = {key: statistics.median(round_[key] for round_ in figures) for key in figures[0]}
    pairs = zip(figures, none, strict=True)
    return found | {"added_us": statistics.median(one["cpu_us"] - other["cpu_us"] for one, other in pairs)}


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def main() -> None:
    """Print a table an app, or one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=150)
    parser.add_argument("--only", choices=list(INSTRUMENTORS))
    parser.add_argument("--export", choices=["count", "otlp"], default="count")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        warnings.simplefilter("ignore")
        app, target, url = arguments.worker
        print(json.dumps(work(app, target, url, arguments.calls, arguments.export)))
        return
    apps = [arguments.only] if arguments.only else list(INSTRUMENTORS)
    with stub() as url:
        found = {app: measure(app, arguments, url) for app in apps}
    if arguments.json:
        print(json.dumps(found))
        return
    for app, figures in found.items():
        print(f"{app}: {arguments.rounds} rounds of {arguments.calls} calls, exporter `{arguments.export}`")
        print(f"  {'':14}{'CPU us':>9}{'added':>9}{'spans':>7}{'traces':>8}{'attributes':>12}{'bytes':>9}")
        for name, row in figures.items():
            print(
                f"  {name:14}{row['cpu_us']:9.0f}{row['added_us']:9.0f}{row['spans']:7.0f}{row['traces']:8.0f}"
                f"{row['attributes']:12.0f}{row['bytes']:9.0f}"
            )


if __name__ == "__main__":
    main()
