"""Words about the answer's sources: citation marks, ``according to passage 2``, ``Answer:``. They claim nothing."""

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

# Articles and paragraphs are left out here: ``Article 5`` is what a law says, not a place in the context.
_PLACE = r"(?:passages?|documents?|docs?|contexts?|sources?|texts?|excerpts?|snippets?)"
_NUMBERS = r"#?\d{1,2}(?:(?:\s*(?:,|&|and|or|\u2013|-)\s*)+#?\d{1,2}){0,9}\b(?!\s*(?:%|per ?cent|[mb]illion|thousand))"
_WHICH = (
    r"(?:given|provided|above|following|retrieved|supplied|available|relevant|first|second|third|fourth|fifth|last"
    r"|two|three|four|five|other)"
)
_THE = r"(?:the|these|this|both|all|your)"
_NUMBERED = rf"(?:{_THE}\s+)?{_PLACE}\s+{_NUMBERS}"
_POINTED_AT = (
    rf"(?:{_NUMBERED}|{_THE}\s+(?:{_WHICH}\s+){{1,2}}(?:{_PLACE}|information)|{_THE}\s+(?:{_PLACE}|information)"
    r"\s+(?:provided|given|above|below))"
)
_SAYS = (
    r"(?:states?|mentions?|says?|discuss(?:es)?|describes?|explains?|highlights?|notes?|indicates?|suggests?"
    r"|confirms?|defines?|clarif(?:y|ies)|emphasi[sz]es?|adds?|outlines?|lists?|reports?|points? out|talks? about"
    r"|focus(?:es)? on|specif(?:y|ies)|refers? to|elaborates? on)"
)
_FROM = re.compile(
    r"\b(?:according to|based (?:up)?on|as (?:\w+ )?(?:in|by)|as per|in|from|per|by|of)\s+" + _POINTED_AT,
    re.IGNORECASE,
)
_SAID = re.compile(
    rf"\b{_POINTED_AT}(?:\s+(?:also|further|then|both|all|only))?\s+{_SAYS}\b(?:\s+that\b)?", re.IGNORECASE
)
_NAMED = re.compile(rf"\b{_NUMBERED}", re.IGNORECASE)
_CUE = re.compile(r"passage|document|doc|context|source|text|excerpt|snippet|information", re.IGNORECASE)

_LABEL = r"(?:(?:final |short )?answer|question|response|summary|conclusion|explanation|note|q|a)\s*:\s*"
_CONNECTIVE = (
    r"(?:(?:additionally|furthermore|moreover|meanwhile|likewise|similarly|accordingly|consequently|nevertheless"
    r"|nonetheless|alternatively|therefore|thus|hence|however|overall|finally|lastly|firstly|secondly|thirdly"
    r"|in (?:addition|conclusion|summary|contrast|other words)|on the (?:other|one) hand|for (?:example|instance)"
    r"|as a result)\s*,\s*)"
)
_OPENING = re.compile(rf"\s*(?:{_LABEL})?{_CONNECTIVE}?", re.IGNORECASE)


def without_citations(sentence: str) -> str:
    """The sentence without its citation marks.

    >>> without_citations("It opened in 1990 [2] (Passage 3).")
    'It opened in 1990.'
    """
    return _CITATION.sub("", sentence)


def claim_of(sentence: str) -> str:
    """What a sentence says, without marks, words about its sources, and the label or connective it opens with.

    >>> claim_of("Additionally, passage 2 states that it opened in 1990 [2].")
    'it opened in 1990.'
    >>> claim_of("Article 5 opens in 1990, in the text box.")
    'Article 5 opens in 1990, in the text box.'
    """
    bare = without_citations(sentence)
    bare = bare[_OPENING.match(bare).end() :]  # type: ignore[union-attr]  # the pattern matches nothing, too
    if not _CUE.search(bare):
        return bare
    for pattern in (_SAID, _FROM, _NAMED):
        bare = pattern.sub("", bare)
    return bare.strip(" ,")
