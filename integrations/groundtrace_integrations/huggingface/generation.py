"""Text that a model writes, be it asked by chat or by prompt, in one piece or in a stream."""

import inspect
from collections.abc import AsyncGenerator, Generator
from typing import Any

from opentelemetry.context import Context

from groundtrace import semconv
from groundtrace.attributes import Attributes
from groundtrace.guard import guarded
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import cover_of
from groundtrace_integrations.fields import field, text, whole
from groundtrace_integrations.openai.answering import answer_attributes
from groundtrace_integrations.openai.asking import request_attributes
from groundtrace_integrations.openai.gathering import GatheredChoices
from groundtrace_integrations.stainless.operations import Request
from groundtrace_integrations.stainless.reading import Answers, Gathering, Reading
from groundtrace_integrations.watching import Watch


def begin_generation(
    tracer: CallTracer, name: str, request: Request, answers: Answers, own: Attributes
) -> Watch | None:
    """Start the span of a model's call; None when it is part of an operation that has one."""
    operation = request.operation
    if cover_of(operation.kind, request.model) is not None:
        return None
    call = tracer.begin_call(operation.kind, name, operation.genai.value)
    call.model = request.model
    if call.recording:
        with guarded("reading a request"):
            call.add(own)
            call.add(request_attributes(request, call.settings, outermost=call.outermost))
            if isinstance(limit := request.body.get("max_new_tokens"), int):
                call.attributes[semconv.GEN_AI_REQUEST_MAX_TOKENS] = limit
    return _Generation(call, Reading(call, request, answers))


class _Generation:
    """A model's call while it goes on."""

    __slots__ = ("_call", "_reading")

    def __init__(self, call: Call, reading: Reading) -> None:
        self._call = call
        self._reading = reading

    def context(self) -> Context:
        return self._call.context()

    def receive(self, result: Any) -> Any:
        if inspect.isgenerator(result):
            return _read_along(result, self._reading)
        if inspect.isasyncgen(result):
            return _aread_along(result, self._reading)
        self._reading.finish_with(result)
        return result

    def fail(self, error: BaseException) -> None:
        self._reading.fail(error)


def _read_along(stream: Generator[Any, Any, Any], reading: Reading) -> Generator[Any, Any, Any]:
    """Yield what ``stream`` yields; a generator in place of a generator."""
    try:
        for chunk in stream:
            reading.add_chunk(chunk)
            yield chunk
    except BaseException as error:
        reading.fail(error)  # a generator that is closed early meets GeneratorExit, which is no failure
        raise
    else:
        reading.finish()
    finally:
        stream.close()


async def _aread_along(stream: AsyncGenerator[Any, Any], reading: Reading) -> AsyncGenerator[Any, Any]:
    """Yield what ``stream`` yields; an async generator in place of an async generator."""
    try:
        async for chunk in stream:
            reading.add_chunk(chunk)
            yield chunk
    except BaseException as error:
        reading.fail(error)
        raise
    else:
        reading.finish()
    finally:
        await stream.aclose()


class ChatAnswers:
    """Chat completions: OpenAI's shape."""

    def answer(self, call: Call, request: Request, answer: object) -> Attributes:
        """Return model, messages, finish reason and token counts."""
        return answer_attributes(request, answer, call.settings, outermost=call.outermost)

    def gathering(self, request: Request) -> Gathering:  # noqa: ARG002 - as the protocol has it
        """Return what puts a stream's chunks together."""
        return GatheredChoices()

    def failure(self, answer: object) -> None:
        """Errors are exceptions here."""


class GenerationAnswers:
    """Text generation: a text, or a text with details."""

    def answer(self, call: Call, request: Request, answer: object) -> Attributes:
        """Return the text, and with details finish reason and token counts."""
        return self.described(call, request, as_completion(answer))

    def described(self, call: Call, request: Request, answer: object) -> Attributes:
        """Describe an answer that is in the form of OpenAI's."""
        return answer_attributes(request, answer, call.settings, outermost=call.outermost)

    def gathering(self, request: Request) -> Gathering:  # noqa: ARG002 - as the protocol has it
        """Return what puts a stream's tokens together."""
        return GatheredTokens()

    def failure(self, answer: object) -> None:
        """Errors are exceptions here."""


def as_completion(answer: object) -> dict[str, Any]:
    """Return a generated text in the form of OpenAI's completions."""
    if isinstance(answer, str):
        return {"choices": [{"index": 0, "text": answer}]}
    details = field(answer, "details")
    prefill = field(details, "prefill")
    prompt = whole(details, "input_length") or (len(prefill) if prefill else None)
    choice = {
        "index": 0,
        "text": text(answer, "generated_text"),
        "finish_reason": text(details, "finish_reason"),
    }
    usage = {"prompt_tokens": prompt, "completion_tokens": whole(details, "generated_tokens")}
    return {"choices": [choice], "usage": usage}


class GatheredTokens:
    """A text that comes token by token, as texts or with details."""

    __slots__ = ("_last", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._last: object = None

    def add(self, chunk: object) -> None:
        """Take the next token."""
        if isinstance(chunk, str):
            self._pieces.append(chunk)
            return
        self._last = chunk
        token = field(chunk, "token")
        piece = field(token, "text")
        if isinstance(piece, str) and not field(token, "special"):
            self._pieces.append(piece)

    def answer(self) -> object:
        """Return the text as far as it has come; None when nothing came."""
        if not self._pieces and self._last is None:
            return None
        whole_text = text(self._last, "generated_text")
        return {
            "generated_text": whole_text or "".join(self._pieces),
            "details": field(self._last, "details"),
        }
