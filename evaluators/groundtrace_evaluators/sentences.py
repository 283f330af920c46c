"""Where one sentence ends and the next begins, in prose and in lists, for any script."""

import re

_END = re.compile(
    r"""(?<=[.!?])(?:["'\u201d\u2019)\]]+)?\s+(?=["'`\u201c\u2018(\[]?[^\Wa-z_])"""  # Latin: a stop, space, no small letter
    r"|(?<=[\u3002\uff01\uff1f\u0964\u061f\u06d4\u0589\u104b\u17d4])\s*"  # full-width, Indic, Arabic, Armenian, Burmese, Khmer stops
    r"|\n\s*"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Mt|Sen|Rep|Gov|Gen|Lt|Col|Sgt|Jr|Sr|Inc|Ltd|Co|Corp|vs|e\.g|i\.e|cf|approx|"
    r"No|Fig|Vol|pp|al|U\.S|U\.K|D\.C)\.$"
)
_BULLET = re.compile(r"^(?:[-*\u2022\u00b7#>]+|\(?\d{1,2}[.)]|[a-zA-Z][.)])\s+")
MAX_SENTENCE_CHARS = 1_000
"""Longer stretches without a stop (tables, scripts that write none) are cut at a space near this length."""


def split_sentences(text: str) -> list[str]:
    """The sentences of ``text`` in order, list markers and surrounding space removed, empty ones left out.

    >>> split_sentences("Mr. Ray paid $3.50. He left.\\n- He came back")
    ['Mr. Ray paid $3.50.', 'He left.', 'He came back']
    """
    sentences: list[str] = []
    start = 0
    for match in _END.finditer(text):
        end = match.start()
        if "\n" not in match[0] and _ABBREVIATION.search(text[max(start, end - 12) : end]):
            continue
        sentences.extend(_cleaned(text[start:end]))
        start = match.end()
    sentences.extend(_cleaned(text[start:]))
    return sentences


def _cleaned(piece: str) -> list[str]:
    sentence = _BULLET.sub("", piece.strip())
    if len(sentence) <= MAX_SENTENCE_CHARS:
        return [sentence] if sentence else []
    parts: list[str] = []
    start = 0
    while start < len(sentence):
        end = start + MAX_SENTENCE_CHARS
        space = sentence.rfind(" ", start + MAX_SENTENCE_CHARS // 2, end)
        end = space if 0 < space and end < len(sentence) else end
        parts.append(sentence[start:end].strip())
        start = end
    return [part for part in parts if part]
