"""Where one sentence ends and the next begins, in prose and in lists, for any script."""

import re

# Full-width, Indic, Arabic, Armenian, Burmese and Khmer stops end a sentence whatever follows; so does a line.
_OTHER_ENDS = r"(?<=[\u3002\uff01\uff1f\u0964\u061f\u06d4\u0589\u104b\u17d4])\s*|\n\s*"
_CLOSERS = r"(?<=[.!?])(?:[\"'\u201d\u2019)\]]+)?\s+"
_OPENERS = r"[\"'`\u201c\u2018(\[]?"
_END = re.compile(rf"{_CLOSERS}(?={_OPENERS}[^\Wa-z_])|{_OTHER_ENDS}")
_END_WITHOUT_CAPITALS = re.compile(rf"{_CLOSERS}(?={_OPENERS}\w)|{_OTHER_ENDS}")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Mt|Sen|Rep|Gov|Gen|Lt|Col|Sgt|Jr|Sr|Inc|Ltd|Co|Corp|vs|e\.g|i\.e|cf|approx|"
    r"No|Fig|Vol|pp|al|U\.S|U\.K|D\.C)\.$"
)
_MARKER = r"(?:[-*\u2022\u00b7#>+]+|\(?(?:(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]|[A-Z]\)))"
_MARKERS = re.compile(rf"^(?:{_MARKER}\s+)+")
_ONLY_MARKER = re.compile(rf"\s*(?:{_MARKER}\s*)+")
_MAX_MARKER_CHARS = 12
MAX_SENTENCE_CHARS = 1_000
"""Longer stretches without a stop (tables, scripts that write none) are cut at a space near this length."""


def split_sentences(text: str) -> list[str]:
    """The sentences of ``text`` in order, list markers and surrounding space removed, empty ones left out.

    >>> split_sentences("Mr. Ray paid $3.50. He left.\\n- He came back")
    ['Mr. Ray paid $3.50.', 'He left.', 'He came back']
    """
    sentences: list[str] = []
    start = 0
    ends = _END if text != text.lower() else _END_WITHOUT_CAPITALS
    for match in ends.finditer(text):
        end = match.start()
        if "\n" not in match[0] and _goes_on(text, start, end):
            continue
        sentences.extend(_cleaned(text[start:end]))
        start = match.end()
    sentences.extend(_cleaned(text[start:]))
    return sentences or [text.strip()] * bool(text.strip())  # "7." may be the whole answer


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether the stop before ``end`` belongs to an abbreviation or a list marker."""
    if _ABBREVIATION.search(text[max(start, end - 12) : end]):
        return True
    return end - start <= _MAX_MARKER_CHARS and _ONLY_MARKER.fullmatch(text, start, end) is not None


def _cleaned(piece: str) -> list[str]:
    sentence = _MARKERS.sub("", piece.strip())
    if len(sentence) <= MAX_SENTENCE_CHARS:
        return [sentence] if sentence and not _ONLY_MARKER.fullmatch(sentence) else []
    parts: list[str] = []
    start = 0
    while start < len(sentence):
        end = start + MAX_SENTENCE_CHARS
        space = sentence.rfind(" ", start + MAX_SENTENCE_CHARS // 2, end)
        end = space if space > 0 and end < len(sentence) else end
        parts.append(sentence[start:end].strip())
        start = end
    return [part for part in parts if part]
