"""Citation marks in an answer, and the passages that they name.

``[1]``, ``[1, 3-5]``, ``[^2]``, ``(Source 2)``, ``[see documents 1 and 4]``, ``[doc-17]``, ``【4:0†source】``. A mark
is an id where the ids of the passages are known and hold it, else a position counted from 1.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from groundtrace_evaluators.sentences import split_sentences

_SOURCE = (
    r"(?:passages?|documents?|docs?|contexts?|sources?|articles?|texts?|excerpts?|paragraphs?|snippets?|chunks?"
    r"|refs?|references?|citations?)"
)
_BRACKET = re.compile(
    r"(?P<link>(?P<square>\[[^\[\]\n]{1,120}\])\(https?://[^\s()]{1,500}\))"
    r"|\[[^\[\]\n]{1,120}\]|\([^()\n]{1,120}\)|\u3010[^\u3011\n]{1,60}\u3011"
)
_LEAD = re.compile(
    r"(?:(?:see|from|per|cf\.?|as (?:mentioned|stated) in|according to|based on)\s+)?", re.IGNORECASE
)
_NAMED = re.compile(rf"{_SOURCE}(?:\s+id)?[\s_#:.\u2116-]*(?=\d)", re.IGNORECASE)
_BETWEEN = re.compile(rf"\s*(?:,|;|&|\band\b)\s*(?:{_SOURCE}[\s_#:.-]*)?(?=\d)", re.IGNORECASE)
_RANGE = re.compile(r"\^?(\d{1,4})(?:\s*[\u2013-]\s*(\d{1,4}))?")
_LOOKS_LIKE_ID = re.compile(r"(?=[^\d\s]*[A-Za-z])(?=\S*\d)[\w./:#-]{3,80}")
_OPENAI = re.compile(r"(?:\d+:)?(\d{1,4})\u2020?[^\n]*")
_STOP = re.compile(r"[.!?\u3002\uff01\uff1f]+[\"'\u201d\u2019]*$")
_REFERENCES = re.compile(r"^[\W_]*(?:sources|references|citations|bibliography)[\W_]*$", re.IGNORECASE)
_MAX_STOP_CHARS = 12
MAX_RANGE = 50
"""``[1-9999]`` is no list of passages."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What one citation mark names."""

    text: str
    passages: tuple[int, ...] = ()
    """Indexes, from 0, of the passages named that are there."""
    unknown: tuple[str, ...] = ()
    """Numbers and ids named that are not there."""


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence of the answer, without its marks, and what they name."""

    text: str
    passages: tuple[int, ...]
    unknown: tuple[str, ...]

    @property
    def cites(self) -> bool:
        """Whether the sentence carries a mark, of whatever worth."""
        return bool(self.passages or self.unknown)


@dataclass(frozen=True, slots=True)
class Passages:
    """How passages may be named: by their place, counted from 1, and by id where ids are known."""

    count: int
    ids: Sequence[str] = ()
    places: dict[str, list[int]] = field(init=False, repr=False)
    """By id in lower case; chunks of one document may share theirs."""

    def __post_init__(self) -> None:
        places: dict[str, list[int]] = {}
        for place, known in enumerate(self.ids):
            if known.strip():
                places.setdefault(known.strip().casefold(), []).append(place)
        object.__setattr__(self, "places", places)

    def by_id(self, name: str) -> Sequence[int]:
        """Indexes of the passages with this id, whatever its case; empty without one."""
        return self.places.get(name.strip().strip("\"'`").casefold(), ())

    def mark(self, names: Sequence[str], text: str) -> Mark:
        """The mark that names these ids or places."""
        found: dict[int, None] = {}
        unknown = []
        for name in names:
            places = self.by_id(name)
            if not places and name.isdecimal() and 1 <= int(name) <= self.count:
                places = (int(name) - 1,)
            found.update(dict.fromkeys(places))
            if not places:
                unknown.append(name)
        return Mark(text, tuple(found), tuple(unknown))


def cited_sentences(answer: str, passages: Passages) -> list[CitedSentence]:
    """The sentences of an answer with what each cites; a list of references at the end is left out.

    A mark belongs to the sentence that it stands in, or stands right behind: ``It rains. [1]`` cites 1.

    >>> cited_sentences("It rains. [2] It snows.", Passages(2))[0]
    CitedSentence(text='It rains.', passages=(1,), unknown=())
    """
    return [_read(sentence, passages) for sentence in split_sentences(_attached(_body(answer), passages))]


def parse_mark(bracket: str, passages: Passages) -> Mark | None:
    """What a piece of text in brackets cites; None when it is an aside.

    >>> parse_mark("(see documents 1 and 2)", Passages(3))
    Mark(text='(see documents 1 and 2)', passages=(0, 1), unknown=())
    >>> parse_mark("(12 km)", Passages(3)) is None
    True
    """
    inner = bracket[1:-1].strip()
    if bracket[0] == "\u3010":
        found = _OPENAI.fullmatch(inner)
        return found and passages.mark([_openai_place(inner, found[1])], bracket)
    parts = [_LEAD.sub("", part.strip(), count=1) for part in re.split(r"[,;]", inner)]
    if all(map(passages.by_id, parts)):
        return passages.mark(parts, bracket)
    square = bracket[0] == "["
    rest = _LEAD.sub("", inner, count=1)
    named = _NAMED.match(rest)
    if named or square:
        names, end = _numbers(rest, named.end() if named else 0)
        if names and (named or end == len(rest)):
            return _of_numbers(rest, names, passages, bracket)
    if square and passages.places and all(_LOOKS_LIKE_ID.fullmatch(part) for part in parts):
        return passages.mark(parts, bracket)
    return None


def _of_numbers(rest: str, names: Sequence[str], passages: Passages, bracket: str) -> Mark | None:
    """The mark for ``2, 3`` or ``doc-17``, which may be a place or an id.

    What looks like an id is one where ids are known. Where they are not it is a place if there is such a place;
    if not it is an id that nobody can look up, and no fault of the answer's.
    """
    if _LOOKS_LIKE_ID.fullmatch(rest) is None:
        return passages.mark(names, bracket)
    if passages.places:
        return passages.mark([rest], bracket)
    found = passages.mark(names, bracket)
    return found if not found.unknown else None


def _numbers(text: str, start: int) -> tuple[list[str], int]:
    """The numbers of ``1, 3-5 and 7`` from ``start`` on, and where they end."""
    names: list[str] = []
    place = start
    while found := _RANGE.match(text, place):
        first, last = int(found[1]), int(found[2] or found[1])
        if not first <= last <= first + MAX_RANGE:
            break
        names.extend(str(number) for number in range(first, last + 1))
        place = found.end()
        between = _BETWEEN.match(text, place)
        if between is None:
            break
        place = between.end()
    return names, place


def _openai_place(inner: str, number: str) -> str:
    """``4:0`` counts sources from 0, a bare number from 1."""
    return str(int(number) + 1) if re.match(r"\d+:", inner) else number


def _marks(text: str, passages: Passages) -> list[tuple[int, int, Mark]]:
    found = []
    for match in _BRACKET.finditer(text):
        mark = parse_mark(match["square"] or match[0], passages)
        if mark is not None:
            found.append((match.start(), match.end(), mark))
    return found


def _body(answer: str) -> str:
    """The answer up to a heading of references."""
    lines = answer.splitlines(keepends=True)
    ends = (index for index, line in enumerate(lines) if index and _REFERENCES.match(line.strip()))
    return "".join(lines[: next(ends, len(lines))])


def _attached(text: str, passages: Passages) -> str:
    """The text with each mark that follows a sentence's stop moved before it.

    In a line that opens with a mark, marks lead their sentences and stay, save when they stand alone.
    """
    lines: list[str] = []
    for line in text.splitlines():
        marks = _marks(line, passages)
        alone = bool(marks) and not _without(line, marks).strip()
        if alone and lines:
            lines[-1] = _before_stop(lines[-1], "".join(mark.text for *_, mark in marks))
        elif not marks or marks[0][0] == len(line) - len(line.lstrip()):
            lines.append(line)
        else:
            lines.append(_marks_before_stops(line, marks))
    return "\n".join(lines)


def _marks_before_stops(line: str, marks: Sequence[tuple[int, int, Mark]]) -> str:
    pieces: list[str] = []
    place = 0
    for start, end, _ in marks:
        between = line[place:start]
        # Behind a mark that was moved, the stop is the last piece, and the next mark goes before it too.
        last = pieces.pop() if pieces and not between.strip() else between
        pieces.extend(_split_at_stop(last, line[start:end]))
        place = end
    return "".join(pieces) + line[place:]


def _before_stop(text: str, mark: str) -> str:
    return "".join(_split_at_stop(text, mark))


def _split_at_stop(text: str, mark: str) -> list[str]:
    """The text with the mark before its last stop, and that stop; with the mark at its end if it has none."""
    bare = text.rstrip()
    stop = _STOP.search(bare[-_MAX_STOP_CHARS:])
    if stop is None:
        return [text, mark]
    return [bare[: len(bare) - len(stop[0])], f" {mark}", stop[0]]


def _without(text: str, marks: Sequence[tuple[int, int, Mark]]) -> str:
    out, place = "", 0
    for start, end, _ in marks:
        out += text[place:start].rstrip(" \t")
        place = end
    return out + text[place:]


def _read(sentence: str, passages: Passages) -> CitedSentence:
    marks = _marks(sentence, passages)
    cited = dict.fromkeys(place for *_, mark in marks for place in mark.passages)
    unknown = dict.fromkeys(name for *_, mark in marks for name in mark.unknown)
    return CitedSentence(_without(sentence, marks).strip(), tuple(cited), tuple(unknown))
