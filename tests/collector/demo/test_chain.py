"""The demo's chain, with the extractive model and with one behind an OpenAI-compatible endpoint."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from groundtrace.errors import GroundtraceError
from groundtrace_collector.demo.chain import answer_chain, chat_model, model_errors
from groundtrace_collector.demo.corpus import passages
from groundtrace_collector.demo.encoders import HashEncoder
from groundtrace_collector.demo.extractive import ExtractiveChatModel
from groundtrace_collector.demo.retriever import BM25Reranker, PassageRetriever

CORPUS = passages(
    {
        "pass": "The pass statement does nothing at all, and is a placeholder.\n",
        "break": "The break statement leaves the nearest enclosing loop at once.\n",
        "del": "The del statement takes the name away, not always the object.\n",
    }
)


class _Endpoint(BaseHTTPRequestHandler):
    requests: list[dict[str, Any]]
    status = 200

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.requests.append(asked)
        reply = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "It leaves."},
                }
            ],
            "usage": {"prompt_tokens": 90, "completion_tokens": 3, "total_tokens": 93},
        }
        body = json.dumps(reply if self.status == 200 else {"error": {"message": "no such model"}}).encode()
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[type[_Endpoint]]:
    class Endpoint(_Endpoint):
        url = ""

    Endpoint.requests = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield Endpoint
    server.shutdown()
    thread.join()
    server.server_close()


def _ask(model: Any, question: str) -> str:
    retriever = PassageRetriever.index(HashEncoder(), CORPUS)
    return answer_chain(retriever, BM25Reranker.fit(CORPUS), model).invoke(question)


def test_the_answer_comes_from_the_passage_that_fits() -> None:
    answer = _ask(ExtractiveChatModel(), "Which statement leaves a loop?")

    assert answer == "The break statement leaves the nearest enclosing loop at once."


def test_a_model_behind_an_endpoint_gets_the_passages_and_the_question(endpoint: Any) -> None:
    answer = _ask(chat_model(endpoint.url, "tiny"), "Which statement leaves a loop?")
    (asked,) = endpoint.requests
    prompt = asked["messages"][-1]["content"]

    assert answer == "It leaves."
    assert asked["model"] == "tiny"
    assert "nearest enclosing loop" in prompt
    assert prompt.endswith("Which statement leaves a loop?")


def test_a_model_that_refuses_is_one_line_that_names_it(endpoint: Any) -> None:
    endpoint.status = 404

    with (
        pytest.raises(GroundtraceError, match=r"'tiny' at http.*no such model"),
        model_errors(endpoint.url, "tiny"),
    ):
        _ask(chat_model(endpoint.url, "tiny"), "Which statement leaves a loop?")
