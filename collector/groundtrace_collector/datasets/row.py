"""One row of a dataset: a query, what should be found for it and what should not."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, field_validator, model_validator

if TYPE_CHECKING:
    from typing import Self

    from pydantic import ValidationError

MAX_TEXT_CHARS: Final = 200_000
MAX_ID_CHARS: Final = 500
MAX_ITEMS: Final = 1_000
_ID_DIGITS: Final = 20
_SHOWN_CHARS: Final = 80

_CONTENT: Final = (
    "query",
    "positive_chunk",
    "hard_negative_chunk",
    "expected_answer",
    "positive_ids",
    "embedding_model_version",
)
"""What makes a row the row that it is, where it was given no id: not where it came from, nor its cohorts."""


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


# A CSV file knows no difference between an empty cell and none; so no row does.
Text = Annotated[Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | None, BeforeValidator(_none_if_empty)]
Word = Annotated[Annotated[str, Field(max_length=MAX_ID_CHARS)] | None, BeforeValidator(_none_if_empty)]


class Row(BaseModel, frozen=True, extra="forbid"):
    """A query with a chunk that answers it, one that only seems to, and where they are from.

    ``positive_ids`` are the ids of every document that answers it, best first; ``document_id`` is that of
    ``positive_chunk``, ``hard_negative_id`` that of ``hard_negative_chunk``. ``embedding_model_version`` is the
    encoder (`name@version`) that ranked them, ``model_version`` the language model that answered.
    ``metadata`` holds the cohort fields, as a trace's does. An id that is not given is a hash of the contents,
    so the same contents have the same id everywhere. An empty text is none.
    """

    id: Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)] = ""
    query: Annotated[str, Field(max_length=MAX_TEXT_CHARS)]
    positive_chunk: Text = None
    hard_negative_chunk: Text = None
    embedding_model_version: Word = None
    expected_answer: Text = None
    positive_ids: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)], ...], Field(max_length=MAX_ITEMS)
    ] = ()
    metadata: Annotated[dict[str, str], Field(max_length=MAX_ITEMS)] = {}
    trace_id: Word = None
    document_id: Word = None
    hard_negative_id: Word = None
    intent: Word = None
    model_version: Word = None
    source: Word = None
    created_at: AwareDatetime | None = None

    @field_validator("query")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("a query must not be empty")
        return value

    @field_validator("metadata", mode="before")
    @classmethod
    def _texts(cls, value: object) -> object:
        """Numbers and truths as the text that a trace's metadata has for them; without values that are none."""
        if not isinstance(value, dict):
            return value
        return {key: _scalar(each) for key, each in value.items() if each is not None and each != ""}

    @field_validator("created_at", mode="after")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        """In milliseconds, as it is stored."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(microsecond=value.microsecond // 1_000 * 1_000)

    @model_validator(mode="before")
    @classmethod
    def _identified(cls, value: Any) -> Any:
        """An id that is empty or none is as one that is not given."""
        if isinstance(value, dict) and value.get("id", "") in (None, ""):
            return {key: each for key, each in value.items() if key != "id"}
        return value

    @model_validator(mode="after")
    def _with_id(self) -> Self:
        if not self.id:
            object.__setattr__(self, "id", _digest(self, _CONTENT)[:_ID_DIGITS])
        return self

    @property
    def digest(self) -> str:
        """A hash of all that the row says, but for when it was made: two rows of one digest are one row."""
        return _digest(self, [name for name in type(self).model_fields if name != "created_at"])

    def as_json(self) -> dict[str, Any]:
        """The row as the API and JSONL files have it."""
        return self.model_dump(mode="json")


FIELDS: Final = tuple(Row.model_fields)
"""The columns of a file, in order."""


def complaint(error: ValidationError) -> str:
    """What is wrong with a row, as `field: what, got value`."""
    # A field under another name is one too many and one too few: the name that was given says more.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{field}: missing"
    if first["type"] == "extra_forbidden":
        return f"{field}: no field of a row ({', '.join(FIELDS)}); a cohort field is metadata.{field}"
    return f"{field}: {message}, got {_shown(first['input'])}" if field else message


def _digest(row: Row, names: list[str] | tuple[str, ...]) -> str:
    contents = [getattr(row, name) for name in names]
    text = json.dumps(contents, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _scalar(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
