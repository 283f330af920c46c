"""What an endpoint answered to one call, read without trusting any of it."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from groundtrace_evaluators.judge.failure import JudgeFailedError
from groundtrace_evaluators.judge.retries import status_of
from groundtrace_evaluators.score import Status

_SHOWN_CHARS: Final = 200
_REFUSAL: Final = re.compile(
    r"\W*(?:(?:i['\u2019]?m|i am|we are|sorry)\b[^.{]{0,40}"
    r"\b(?:sorry|unable|not able|can['\u2019]?t|cannot|won['\u2019]?t)"
    r"|(?:i['\u2019]?m|i am) (?:very |really )?sorry\b"
    r"|i (?:cannot|can['\u2019]?t|won['\u2019]?t|must decline|have to decline|am not able|will not)\b"
    r"|sorry,? (?:but )?i\b|as an ai\b|i['\u2019]?m afraid i can"
    r"|(?:es )?tut mir leid|je suis d\u00e9sol\u00e9|lo siento|\u5bf9\u4e0d\u8d77|\u62b1\u6b49)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply. Token counts are None where the endpoint gave none, or none that can be true."""

    text: str
    model: str
    tokens_in: int | None
    tokens_out: int | None
    failure: JudgeFailedError | None = None
    """Set when the reply is no verdict whatever its text says: refused, filtered, cut short."""


class _Part(BaseModel):
    text: str = ""


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Envelope(BaseModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    model: Any = None
    usage: Any = None


class _Fault(BaseModel):
    message: str = ""
    code: Any = None


class _ErrorEnvelope(BaseModel):
    error: _Fault | str


_COUNT: Final = TypeAdapter(Annotated[int, Field(strict=True, ge=0)])


def read_completion(body: bytes, *, most_in: int, most_out: int) -> Completion:
    """The reply in the body of a 200; counts above ``most_in`` and ``most_out`` are not believed.

    Raises JudgeFailedError: parse_error when the body is not a chat completion, and what an error inside
    it means (some endpoints answer 200 with one).
    """
    try:
        envelope = _Envelope.model_validate_json(body)
    except ValidationError:
        raise _error_inside(body) from None
    choice = envelope.choices[0]
    content = choice.message.content
    text = content if isinstance(content, str) else "".join(part.text for part in content or ())
    return Completion(
        text=text,
        model=envelope.model if isinstance(envelope.model, str) else "",
        tokens_in=_count(envelope.usage, "prompt_tokens", most_in),
        tokens_out=_count(envelope.usage, "completion_tokens", most_out),
        failure=_no_verdict(choice, text),
    )


def message_of(body: bytes) -> str:
    """The start of what an endpoint says in an error, on one line."""
    try:
        error = _ErrorEnvelope.model_validate_json(body).error
        text = error if isinstance(error, str) else error.message
    except ValidationError:
        text = body.decode(errors="replace")
    return shown(text)


def shown(text: str) -> str:
    """The start of foreign text, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN_CHARS else flat[: _SHOWN_CHARS - 1] + "\u2026"


def is_refusal(text: str) -> bool:
    """Whether the text declines the task instead of doing it.

    >>> is_refusal("I'm sorry, but I can't help with that."), is_refusal("The claims hold.")
    (True, False)
    """
    return "{" not in text and _REFUSAL.match(text) is not None


def _no_verdict(choice: _Choice, text: str) -> JudgeFailedError | None:
    if choice.message.refusal:
        return JudgeFailedError(Status.REFUSED, f"the judge refused: {shown(choice.message.refusal)}")
    if choice.finish_reason == "content_filter":
        return JudgeFailedError(Status.REFUSED, "the endpoint's content filter stopped the reply")
    if choice.finish_reason == "length":
        return JudgeFailedError(
            Status.TRUNCATED,
            "the reply was cut short at the output limit; raise max_output_tokens or lower claims_per_call",
        )
    if is_refusal(text):
        return JudgeFailedError(Status.REFUSED, f"the judge refused: {shown(text)}")
    return None


def _error_inside(body: bytes) -> JudgeFailedError:
    try:
        error = _ErrorEnvelope.model_validate_json(body).error
    except ValidationError:
        return JudgeFailedError(
            Status.PARSE_ERROR,
            f"the endpoint's answer is not a chat completion: {message_of(body) or 'empty'}",
        )
    code = error.code if isinstance(error, _Fault) and isinstance(error.code, int) else 0
    return JudgeFailedError(status_of(code), f"the endpoint answered with an error: {message_of(body)}")


def _count(usage: Any, name: str, most: int) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    try:
        count = _COUNT.validate_python(value)
    except ValidationError:
        return None
    return count if count <= most else None
