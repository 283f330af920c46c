"""A provider that speaks OpenAI's API and Anthropic's on a loopback socket, so that the real clients run in full."""

import base64
import json
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.integrations.hub_replies import generation_events, hub_body
from tests.integrations.message_replies import message_body, message_events

USAGE = {
    "prompt_tokens": 21,
    "completion_tokens": 8,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 16, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
}
RESPONSE_USAGE = {
    "input_tokens": 21,
    "input_tokens_details": {"cached_tokens": 16},
    "output_tokens": 8,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 29,
}
ANSWER = "Bern is the seat of the Swiss government."
DIMENSION = 4


@dataclass
class Reply:
    """One scripted answer: a status and JSON, or the events of a stream."""

    status: int = 200
    body: Any = field(default_factory=dict)  # what JSON can say
    events: list[Mapping[str, Any]] | None = None
    breaks: bool = False  # the connection is cut after the last event


@dataclass
class Provider:
    """What was asked, and what is to be answered next; without a script it answers sensibly."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    script: deque[Reply] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply_to(self, path: str, body: dict[str, Any]) -> Reply:
        with self.lock:
            self.asked.append(body)
            self.paths.append(path)
            if self.script:
                return self.script.popleft()
        if "inputs" in body:
            return hub_reply(body)
        if path.endswith("/messages"):
            return message_reply(body)
        if path.endswith("/count_tokens"):
            return Reply(body={"input_tokens": 5})
        if path.endswith("/embeddings"):
            return Reply(body=embedding_reply(body))
        if path.endswith("/responses"):
            return response_reply(body)
        if path.endswith("/chat/completions"):
            return chat_reply(body)
        return completion_reply(body)


def hub_reply(body: Mapping[str, Any]) -> Reply:
    return Reply(events=generation_events()) if body.get("stream") else Reply(body=hub_body(body))


def message_reply(body: Mapping[str, Any]) -> Reply:
    return Reply(events=list(message_events(body))) if body.get("stream") else Reply(body=message_body(body))


def chat_reply(body: Mapping[str, Any]) -> Reply:
    head = {"id": "chatcmpl-1", "created": 1, "model": f"{body['model']}-2026", "system_fingerprint": "fp"}
    if body.get("stream"):
        head["object"] = "chat.completion.chunk"
        return Reply(events=list(_chat_events(head, body)))
    message: dict[str, Any] = {"role": "assistant", "content": ANSWER, "refusal": None}
    if body.get("tools"):
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [tool_call("call_1", '{"city": "Bern"}')],
        }
    choices = [
        {
            "index": index,
            "finish_reason": "tool_calls" if body.get("tools") else "stop",
            "logprobs": None,
            "message": message,
        }
        for index in range(body.get("n") or 1)
    ]
    return Reply(body={**head, "object": "chat.completion", "choices": choices, "usage": USAGE})


def tool_call(call_id: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "weather", "arguments": arguments}}


def _chat_events(head: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    def chunk(delta: Mapping[str, Any], reason: str | None = None) -> Mapping[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    if body.get("tools"):
        yield chunk(
            {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **tool_call("call_1", "")}]}
        )
        for piece in ('{"city": ', '"Bern"}'):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        yield chunk({}, "tool_calls")
    else:
        yield chunk({"role": "assistant", "content": ""})
        for word in ANSWER.split(" "):
            yield chunk({"content": word if word == "Bern" else f" {word}"})
        yield chunk({}, "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": USAGE}


def completion_reply(body: Mapping[str, Any]) -> Reply:
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"]}
    if body.get("stream"):
        events: list[Mapping[str, Any]] = [
            {**head, "choices": [{"index": 0, "text": piece, "finish_reason": None, "logprobs": None}]}
            for piece in ("Bern", " it is.")
        ]
        events.append(
            {**head, "choices": [{"index": 0, "text": "", "finish_reason": "stop", "logprobs": None}]}
        )
        return Reply(events=events)
    count = len(body["prompt"]) if isinstance(body["prompt"], list) else 1
    choices = [
        {"index": index, "text": "Bern it is.", "finish_reason": "stop", "logprobs": None}
        for index in range(count)
    ]
    usage = {key: USAGE[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens")}
    return Reply(body={**head, "choices": choices, "usage": usage})


def embedding_reply(body: Mapping[str, Any]) -> dict[str, Any]:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    if texts and isinstance(texts[0], int):
        texts = [texts]
    vector: Any = [0.5] * (body.get("dimensions") or DIMENSION)
    if body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(len(texts))]
    tokens = 5 * len(texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def output_message(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def response_body(body: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    output: list[dict[str, Any]] = [
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Swiss cities."}]},
        output_message(ANSWER),
    ]
    if body.get("tools"):
        call = {
            "name": "weather",
            "call_id": "call_1",
            "arguments": '{"city": "Bern"}',
            "status": "completed",
        }
        output = [{"id": "fc_1", "type": "function_call", **call}]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": f"{body['model']}-2026",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": body.get("tools") or [],
        "usage": RESPONSE_USAGE,
        **changes,
    }


def response_reply(body: Mapping[str, Any]) -> Reply:
    done = response_body(body)
    if not body.get("stream"):
        return Reply(body=done)
    begun = {**done, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    item = {**output_message(""), "status": "in_progress", "content": []}
    events: list[Mapping[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {
            "type": "response.content_part.added",
            **place,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
    ]
    for word in ANSWER.split(" "):
        delta = word if word == "Bern" else f" {word}"
        events.append({"type": "response.output_text.delta", **place, "delta": delta, "logprobs": []})
    events.append({"type": "response.completed", "response": done})
    return Reply(events=[{**event, "sequence_number": number} for number, event in enumerate(events)])


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - it is one class
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002
            """Always the same: two runs of one call are compared, headers and all."""
            return "Sun, 22 Nov 2026 12:00:00 GMT"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            reply = provider.reply_to(self.path.partition("?")[0], body)
            if reply.events is None:
                self._send(reply.status, json.dumps(reply.body).encode())
            else:
                self._stream(reply)

        def do_GET(self) -> None:
            self._send(200, json.dumps({"object": "list", "data": []}).encode())

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.send_header("x-request-id", "req_1")
            self.send_header("retry-after-ms", "1")
            self._end_headers()
            self.wfile.write(content)

        def _stream(self, reply: Reply) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self._end_headers()
            try:
                for event in reply.events or ():
                    name = f"event: {event['type']}\n" if "type" in event else ""
                    self._chunk(f"{name}data: {json.dumps(event)}\n\n")
                if reply.breaks:
                    self.connection.close()
                    self.close_connection = True
                    return
                self._chunk("data: [DONE]\n\n")
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True  # the reader left early

        def _end_headers(self) -> None:
            # Frameworks keep clients for ever, some of them beyond their event loop.
            self.send_header("connection", "close")
            self.close_connection = True
            self.end_headers()

        def _chunk(self, text: str) -> None:
            content = text.encode()
            self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a reader that left early


@contextmanager
def serving() -> Iterator[Provider]:
    """Serve on a free port until the block ends."""
    provider = Provider()
    server = _Server(("127.0.0.1", 0), _handler(provider))
    provider.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
