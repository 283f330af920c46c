"""The documents of the demo: the language reference that CPython ships for ``help()``.

Every machine with Python has it (``pydoc_data.topics``, about 79 topics), so the demo needs no
download. The topics overlap: ``compound`` repeats ``if``, ``for`` and ``try`` word for word. A
paragraph is kept once, in the shortest topic that has it, so that no passage has a twin that would
make recall a matter of luck.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from groundtrace.errors import GroundtraceError

PASSAGE_CHARS: Final = 600  # a passage is closed once it is this long
UNIT_CHARS: Final = 1_000  # a definition longer than this is cut between its own paragraphs
SCRAP_CHARS: Final = 80  # what is shorter ("See also:") joins the passage before it
REST_FAMILY: Final = "other"

# Every topic of Python 3.11 to 3.14.
_FAMILY_TOPICS: Final[Mapping[str, str]] = {
    "statements": (
        "assignment assignment-expressions augassign break compound continue del else exprlists for if pass"
        " return while with"
    ),
    "expressions": (
        "atom-literals attribute-references binary bitwise booleans comparisons conversions in"
        " operator-summary power shifting slicings subscriptions truth unary"
    ),
    "functions": "async await callable-types calls function lambda typesfunctions typesmethods yield",
    "classes": (
        "attribute-access class context-managers customization numeric-types sequence-types specialattrs"
        " specialnames"
    ),
    "built-in-types": (
        "bltin-code-objects bltin-ellipsis-object bltin-null-object bltin-type-objects dict lists objects"
        " types typesmapping typesmodules typesseq typesseq-mutable"
    ),
    "imports-and-scopes": (
        "__main__ atom-identifiers dynamic-features execmodel global id-classes identifiers import naming"
        " nonlocal"
    ),
    "strings-and-literals": "floating formatstrings imaginary integers numbers string-methods strings",
    "errors-and-debugging": "assert debugger exceptions raise try",
}
_FAMILY_BY_TOPIC: Final = {
    topic: family for family, topics in _FAMILY_TOPICS.items() for topic in topics.split()
}
FAMILIES: Final = tuple(_FAMILY_TOPICS)

_UNDERLINE = re.compile(r"[*=\-^~\"']{3,}")
_MARKUP = re.compile(r"[\"'`*\u2018\u2019\u201c\u201d]")
_WRAPPED_CHARS: Final = 40  # each line of wrapped prose but the last is longer
_NOT_PROSE: Final = ("::=", ">>>", "+--", "| ", "===", "***")
_TWIN_CHARS: Final = 60  # shorter paragraphs ("is equivalent to") repeat by nature


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One piece of a topic, of about ``PASSAGE_CHARS`` characters."""

    id: str  # "for#2": the second passage of the topic "for"
    topic: str
    family: str
    text: str


def doc_family(topic: str) -> str:
    """The family that the demo files ``topic`` under; ``other`` for one it does not know."""
    return _FAMILY_BY_TOPIC.get(topic, REST_FAMILY)


def python_topics() -> Mapping[str, str]:
    """The topics of the running Python, by name. Raises GroundtraceError where it comes without them."""
    try:
        from pydoc_data.topics import topics
    except ImportError as exc:
        raise GroundtraceError(
            f"{sys.executable} comes without its language reference (pydoc_data.topics), the documents of"
            " the demo; install the whole standard library or use another Python"
        ) from exc
    return topics


def passages(topics: Mapping[str, str]) -> list[Passage]:
    """Split ``topics`` into passages, in the order of the topics' names.

    Ids number the passages of a topic from 1; they depend on nothing but ``topics``, so they are
    the same in every run on one Python. A topic whose every paragraph stands in a shorter topic has
    no passage.
    """
    seen: set[str] = set()
    by_topic: dict[str, list[str]] = {}
    for topic in sorted(topics, key=lambda name: (len(topics[name]), name)):
        by_topic[topic] = _pieces(_unseen(_paragraphs(topics[topic]), seen))
    return [
        Passage(id=f"{topic}#{number}", topic=topic, family=doc_family(topic), text=text)
        for topic in sorted(by_topic)
        for number, text in enumerate(by_topic[topic], start=1)
    ]


def plain(text: str) -> str:
    """``text`` in lower case, without quotes and asterisks, with single spaces, so that wordings compare.

    Python's releases differ in how they mark code and where they break lines.
    """
    return " ".join(_MARKUP.sub("", text).lower().split())


def _paragraphs(text: str) -> list[str]:
    blocks = re.split(r"\n\s*\n", text.strip("\n"))
    return [_unwrapped(block.rstrip()) for block in blocks if block.strip()]


def _unwrapped(paragraph: str) -> str:
    """Put prose that was wrapped at 70 columns on one line; leave code, grammar and tables alone."""
    lines = paragraph.split("\n")
    wrapped = all(len(line) > _WRAPPED_CHARS for line in lines[:-1])
    if not wrapped or any(mark in paragraph for mark in _NOT_PROSE):
        return paragraph
    joined = lines[0]
    for line in lines[1:]:
        joined += line.strip() if re.search(r"\w-$", joined) else f" {line.strip()}"
    return re.sub(r"(?<=\S) {2,}", " ", joined)


def _unseen(paragraphs: list[str], seen: set[str]) -> Iterator[str]:
    """The paragraphs that no earlier topic had; a short one goes the way of the one before it."""
    fresh = True
    known = frozenset(seen)
    for paragraph in paragraphs:
        key = plain(paragraph)
        if len(key) >= _TWIN_CHARS:
            fresh = key not in known
            seen.add(key)
        if fresh:
            yield paragraph


def _pieces(paragraphs: Iterator[str]) -> list[str]:
    pieces: list[str] = []
    piece = ""
    for unit in _units(paragraphs):
        joined = f"{piece}\n\n{unit}" if piece else unit
        starts_section = _is_heading(unit) and len(piece) > PASSAGE_CHARS // 2
        if not piece or len(unit) < SCRAP_CHARS or (len(joined) <= PASSAGE_CHARS and not starts_section):
            piece = joined
            continue
        pieces.append(piece)
        piece = unit
    return [*pieces, piece] if piece else pieces


def _units(paragraphs: Iterator[str]) -> Iterator[str]:
    """Join each paragraph with what is indented under it: its code, its list items, its definition."""
    unit = ""
    for paragraph in _cut_tables(paragraphs):
        belongs = paragraph.startswith("  ") or (unit and _is_heading(unit.rpartition("\n\n")[2]))
        if unit and belongs and len(unit) + len(paragraph) <= UNIT_CHARS:
            unit = f"{unit}\n\n{paragraph}"
            continue
        if unit:
            yield unit
        unit = paragraph
    if unit:
        yield unit


def _cut_tables(paragraphs: Iterator[str]) -> Iterator[str]:
    """Cut a paragraph that is longer than a passage may be, in practice a table, between its lines."""
    for paragraph in paragraphs:
        if len(paragraph) <= UNIT_CHARS:
            yield paragraph
            continue
        lines: list[str] = []
        for line in paragraph.split("\n"):
            if lines and len("\n".join([*lines, line])) > UNIT_CHARS:
                yield "\n".join(lines)
                lines = []
            lines.append(line)
        yield "\n".join(lines)


def _is_heading(text: str) -> bool:
    lines = text.split("\n")
    return (
        len(lines) > 1 and _UNDERLINE.fullmatch(lines[1].strip()) is not None and not lines[0][:1].isspace()
    )
