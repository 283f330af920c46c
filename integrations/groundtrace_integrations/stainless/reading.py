"""One traced request, from the question to the end of its answer, whichever way the app reads it."""

from typing import Any, Protocol

from groundtrace.attributes import Attributes
from groundtrace.guard import guarded
from groundtrace_integrations.calls import Call
from groundtrace_integrations.covering import Cover
from groundtrace_integrations.stainless.operations import Request


class Gathering(Protocol):
    """Takes chunks of a stream, gives the answer as far as it has come."""

    def add(self, chunk: object) -> None:
        """Take the next chunk."""

    def answer(self) -> object:
        """Return the answer; None when nothing came."""


class Answers(Protocol):
    """How one provider's API says what came of a request."""

    def answer(self, call: Call, request: Request, answer: object) -> Attributes:
        """Return what the span carries of the answer, be it the client's own object or plain JSON."""

    def gathering(self, request: Request) -> Gathering:
        """Return what puts a stream's chunks together."""

    def failure(self, answer: object) -> tuple[str, str] | None:
        """Return reason and type of an error that came as an answer; None when it is an answer."""


class Dialect(Answers, Protocol):
    """How one provider's API says things."""

    def request_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request | None:
        """Return the model call in the arguments of the client's ``request``; None for others."""

    def ask(self, call: Call, client: object, request: Request) -> Attributes:
        """Return what the span carries of the request."""

    def enrich(self, cover: Cover, request: Request, answer: object) -> None:
        """Tell the operation around the request what its own layer does not know."""


class Reading:
    """The answer to a request while it comes in. What nobody reads to its end ends when it is dropped."""

    __slots__ = ("_answers", "_call", "_chunks", "_request")

    def __init__(self, call: Call, request: Request, answers: Answers) -> None:
        """``call`` is the request's open span."""
        self._call = call
        self._request = request
        self._answers = answers
        self._chunks: Gathering | None = None

    def __del__(self) -> None:
        self.stop()

    @guarded("reading a chunk of a stream")
    def add_chunk(self, chunk: object) -> None:
        """Take note of the next chunk of a stream."""
        if not self._call.recording:
            return
        self._call.mark_first_chunk()
        if self._chunks is None:
            self._chunks = self._answers.gathering(self._request)
        self._chunks.add(chunk)

    def finish(self) -> None:
        """The stream is at its end."""
        answer = self._describe_chunks()
        self._close(answer)

    def finish_with(self, answer: object) -> None:
        """The answer is here, in one piece."""
        self._describe(answer)
        self._close(answer)

    def stop(self) -> None:
        """The app wants no more of it."""
        if not self._call.ended:
            self._describe_chunks()
            self._call.cancel()

    def fail(self, error: BaseException) -> None:
        """The stream broke off; what had come stays."""
        if not self._call.ended:
            self._describe_chunks()
            self._call.fail(error)

    def _close(self, answer: object) -> None:
        failure = self._answers.failure(answer)
        if failure is not None:
            self._call.refuse(*failure)
        self._call.finish()

    def _describe_chunks(self) -> Any:
        if self._chunks is None or self._call.ended:
            return None
        answer = self._chunks.answer()
        self._describe(answer)
        return answer

    @guarded("reading a model's answer")
    def _describe(self, answer: object) -> None:
        if self._call.recording and answer is not None:
            self._call.add(self._answers.answer(self._call, self._request, answer))
