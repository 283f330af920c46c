"""Citation marks in an answer: they point at the context and claim nothing."""

import re

_SOURCE = (
    r"(?:passages?|documents?|docs?|contexts?|sources?|articles?|texts?|excerpts?|paragraphs?|snippets?)"
)
_CITATION = re.compile(
    rf"\s*[(\[](?:(?:see|from|as mentioned in|based on|per) )?{_SOURCE}[\s_#-]*\d[^)\]]{{0,40}}[)\]]"
    r"|\s*\[\^?\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*\]"
    r"|\s*\u3010[^\u3011]{0,40}\u3011",
    re.IGNORECASE,
)


def without_citations(sentence: str) -> str:
    """The sentence without its citation marks.

    >>> without_citations("It opened in 1990 [2] (Passage 3).")
    'It opened in 1990.'
    """
    return _CITATION.sub("", sentence)
