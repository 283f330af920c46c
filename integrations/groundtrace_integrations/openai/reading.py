"""One traced request, from the question to the end of its answer, whichever way the app reads it."""

from typing import Any

from groundtrace.embedding import speed_attributes
from groundtrace.guard import guarded
from groundtrace.semconv import EMBEDDING_TEXT_COUNT
from groundtrace_integrations.calls import Call
from groundtrace_integrations.covering import Cover
from groundtrace_integrations.openai.answering import answer_attributes, usage_attributes
from groundtrace_integrations.openai.fields import field, text
from groundtrace_integrations.openai.gathering import Gathering, gathering_of
from groundtrace_integrations.openai.operations import EMBEDDINGS, Request


class Reading:
    """The answer to a request while it comes in. What nobody reads to its end ends when it is dropped."""

    __slots__ = ("_call", "_chunks", "_request")

    def __init__(self, call: Call, request: Request) -> None:
        """``call`` is the request's open span."""
        self._call = call
        self._request = request
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
            self._chunks = gathering_of(self._request.operation)
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
        if text(answer, "status") == "failed":
            error = field(answer, "error")
            code = text(error, "code") or "failed"
            self._call.refuse(f"{code}: {text(error, 'message') or 'the response failed'}", code)
        self._call.finish()

    def _describe_chunks(self) -> Any:
        if self._chunks is None or self._call.ended:
            return None
        answer = self._chunks.answer()
        self._describe(answer)
        return answer

    @guarded("reading a model's answer")
    def _describe(self, answer: object) -> None:
        call = self._call
        if not call.recording or answer is None:
            return
        duration_ns = call.duration_ns
        call.add(answer_attributes(self._request, answer, call.settings, outermost=call.outermost))
        count = call.attributes.get(EMBEDDING_TEXT_COUNT)
        if isinstance(count, int):
            call.add(speed_attributes(text_count=count, duration_ns=duration_ns))


@guarded("telling the operation around a request of its answer")
def enrich_cover(cover: Cover, request: Request, answer: object) -> None:
    """Tell the operation around the request what its own layer does not know."""
    # Frameworks read a model's answer themselves; of an encoder's they keep only the vectors.
    if request.operation is EMBEDDINGS:
        cover.enrich(usage_attributes(field(answer, "usage")))
