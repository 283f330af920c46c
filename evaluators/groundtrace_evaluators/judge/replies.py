"""The judge's replies: their schema, and everything that makes one unusable."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_CLOSED: Final = ConfigDict(json_schema_extra={"additionalProperties": False}, frozen=True)
_FENCED: Final = re.compile(r"\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_THOUGHT: Final = re.compile(r"\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_SHOWN_FAULTS: Final = 3

R = TypeVar("R", bound="Reply")


class ClaimVerdict(StrEnum):
    """What the passages say about a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NOT_FOUND = "not_found"


class PassageVerdict(StrEnum):
    """What a passage does for the question."""

    ANSWERS = "answers"
    RELATED = "related"
    UNRELATED = "unrelated"


class BadReplyError(Exception):
    """The reply is not the JSON object that was asked for; the message says why, for the judge."""


class Reply(BaseModel):
    """What every reply has: one verdict for each number."""

    model_config = _CLOSED

    def numbers(self) -> Sequence[int]:
        """The numbers that the verdicts are about, as given."""
        raise NotImplementedError

    def fault(self, count: int, passages: int) -> str | None:
        """What is wrong with a reply to ``count`` items over ``passages`` passages; None when nothing is."""
        numbers = self.numbers()
        strange = sorted(set(numbers) - set(range(1, count + 1)))
        absent = sorted(set(range(1, count + 1)) - set(numbers))
        if strange:
            return f"there is no number {strange[0]}, they go from 1 to {count}"
        if absent:
            return (
                f"the verdict on number {absent[0]} is missing, there must be one for each from 1 to {count}"
            )
        if len(numbers) != count:
            return "a number has two verdicts"
        return self.quote_fault(passages)

    def quote_fault(self, passages: int) -> str | None:
        """What is wrong with the passages that the quotes name."""
        raise NotImplementedError


class Quote(BaseModel):
    """Words of a passage."""

    model_config = _CLOSED
    passage: int
    quote: Annotated[str, Field(max_length=8_000)]


class JudgedClaim(BaseModel):
    """The judge's verdict on one claim."""

    model_config = _CLOSED
    claim: int
    verdict: Literal["supported", "contradicted", "not_found"]
    evidence: Annotated[list[Quote], Field(max_length=30)]


class ClaimsReply(Reply):
    """The reply to ``prompt.claims_messages``."""

    verdicts: list[JudgedClaim]

    def numbers(self) -> Sequence[int]:
        """The claims judged."""
        return [verdict.claim for verdict in self.verdicts]

    def quote_fault(self, passages: int) -> str | None:
        """A passage number that does not exist."""
        named = {quote.passage for verdict in self.verdicts for quote in verdict.evidence}
        strange = sorted(named - set(range(1, passages + 1)))
        return f"there is no passage {strange[0]}, they go from 1 to {passages}" if strange else None


class JudgedPassage(BaseModel):
    """The judge's verdict on one passage."""

    model_config = _CLOSED
    passage: int
    verdict: Literal["answers", "related", "unrelated"]
    quote: Annotated[str, Field(max_length=8_000)]


class PassagesReply(Reply):
    """The reply to ``prompt.relevance_messages``."""

    verdicts: list[JudgedPassage]

    def numbers(self) -> Sequence[int]:
        """The passages judged."""
        return [verdict.passage for verdict in self.verdicts]

    def quote_fault(self, passages: int) -> str | None:  # noqa: ARG002 - a verdict quotes its own passage
        """Nothing: a verdict quotes the passage it is about."""
        return None


def read_reply(text: str, kind: type[R], *, count: int, passages: int) -> R:
    """The reply, checked: JSON, types, one verdict for each of ``count`` items, passages that exist.

    Thoughts before the object and a code fence around it are allowed, prose is not; fields that nobody
    asked for are ignored, a score among them. Raises BadReplyError.
    """
    bare = _THOUGHT.sub("", text.lstrip("\ufeff"), count=1)
    fenced = _FENCED.fullmatch(bare)
    try:
        reply = kind.model_validate_json(fenced[1] if fenced else bare, strict=True)
    except ValidationError as exc:
        raise BadReplyError(_told(exc)) from None
    fault = reply.fault(count, passages)
    if fault:
        raise BadReplyError(fault)
    return reply


def schema_of(kind: type[Reply]) -> dict[str, Any]:
    """The JSON schema of a reply, closed as ``response_format`` wants it."""
    return kind.model_json_schema()


def _told(exc: ValidationError) -> str:
    faults = exc.errors(include_url=False, include_input=False, include_context=False)
    said = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".lstrip(": ") for fault in faults]
    return "; ".join(said[:_SHOWN_FAULTS])
