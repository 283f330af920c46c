"""An OpenAI-compatible endpoint on the loopback whose replies the tests decide."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from groundtrace_evaluators.judge.canary import _STARTS
from groundtrace_evaluators.sentences import split_sentences
from groundtrace_evaluators.support import content
from groundtrace_evaluators.tokens import tokenize

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint does with one request."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    """Seconds before anything is sent."""
    drip_s: float = 0.0
    """Seconds between one byte and the next."""
    drop: bool = False
    """Close the connection without an answer."""


@dataclass(slots=True)
class Judge:
    """The endpoint: where it is, what it was asked, what it answers."""

    url: str
    answer: Callable[[dict[str, Any]], Answer]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def counted(self, request: dict[str, Any], headers: dict[str, str]) -> Iterator[None]:
        with self._lock:
            self.requests.append(request)
            self.headers.append(headers)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1


def completion(content: Any, *, usage: Any = USAGE, finish: str | None = "stop", **message: Any) -> Answer:
    """A chat completion with this content."""
    return Answer(
        json.dumps(
            {
                "id": "c1",
                "object": "chat.completion",
                "model": "stub-1",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": finish,
                        "message": {"role": "assistant", "content": content} | message,
                    }
                ],
            }
            | ({} if usage is None else {"usage": usage})
        ).encode()
    )


@dataclass(frozen=True, slots=True)
class Task:
    """What a prompt asks, read as a judge would."""

    passages: list[str]
    claims: list[str]
    question: str | None
    before: str | None


def read_task(request: dict[str, Any]) -> Task:
    """The data lines of the last task in the request."""
    text = request["messages"][1]["content"]
    marker = text.split("\n", 1)[0]
    lines = [json.loads(line) for line in text.split(marker)[1].strip().split("\n")]

    def texts(key: str) -> list[str]:
        return [line.get("text", line[key]) for line in lines if key in line]

    return Task(
        texts("passage"),
        texts("claim"),
        next(iter(texts("question")), None),
        next(iter(texts("before")), None),
    )


def is_canary(text: str) -> bool:
    """Whether a claim is one of the made-up ones."""
    return any(word.startswith(_STARTS) and len(word) > 5 for word in text.replace(",", " ").split())


def honest(request: dict[str, Any]) -> Answer:
    """Supports a claim whose words all stand in one sentence of a passage, and quotes that sentence."""
    task = read_task(request)
    if not task.claims:
        return verdicts_on_passages(task)
    verdicts = []
    for number, claim in enumerate(task.claims, start=1):
        wanted = {token.form for token in content(tokenize(claim))}
        found = [
            {"passage": index, "quote": sentence}
            for index, passage in enumerate(task.passages, start=1)
            for sentence in split_sentences(passage)
            if wanted <= {token.form for token in tokenize(sentence)}
        ]
        verdict = "supported" if found else "not_found"
        verdicts.append({"claim": number, "verdict": verdict, "evidence": found[:2]})
    return completion(json.dumps({"verdicts": verdicts}))


def verdicts_on_passages(task: Task) -> Answer:
    """Says "answers" of each passage that holds every content word of the question."""
    wanted = {token.form for token in content(tokenize(task.question or ""))}
    verdicts = [
        {
            "passage": number,
            "verdict": "answers" if wanted <= {token.form for token in tokenize(text)} else "unrelated",
            "quote": text,
        }
        for number, text in enumerate(task.passages, start=1)
    ]
    return completion(json.dumps({"verdicts": verdicts}))


@contextmanager
def serving(answer: Callable[[dict[str, Any]], Answer] = honest) -> Iterator[Judge]:
    """The endpoint, until the block ends."""
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    judge = Judge(f"http://127.0.0.1:{server.server_address[1]}/v1", answer)
    server.RequestHandlerClass = _handler(judge)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield judge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that give up are part of the tests."""


def _handler(judge: Judge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with judge.counted(request, {name.lower(): value for name, value in self.headers.items()}):
                answer = judge.answer(request)
                time.sleep(answer.hang_s)
            if answer.drop:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if answer.drip_s:
                for byte in answer.body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(answer.drip_s)
            else:
                self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    return Handler
