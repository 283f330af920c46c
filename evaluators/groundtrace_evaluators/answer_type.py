"""What kind of word would answer a question: a figure, a name, or anything."""

import re

from groundtrace_evaluators.tokens import Kind

_FIGURE = re.compile(
    r"\b(?:when|how (?:many|much|long|old|far|big|tall|high|deep|large|fast|often|heavy)"
    r"|(?:what|which) (?:year|date|day|month|time|century|decade|percentage|number|age)"
    r"|what (?:is|was|are|were) the (?:population|number|height|length|age|cost|price|size|date|year|distance))\b",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\b(?:who|whose|whom|where|(?:what|which) (?:city|country|state|county|place|region|person|company))\b",
    re.IGNORECASE,
)


def answer_kind(query: str) -> Kind | None:
    """``NUMBER`` for how many and when, ``NAME`` for who and where, None for the rest.

    English question words only; None is the safe answer for every other language.

    >>> answer_kind("when did it open"), answer_kind("who built it"), answer_kind("why is it blue")
    (<Kind.NUMBER: 'number'>, <Kind.NAME: 'name'>, None)
    """
    if _FIGURE.search(query):
        return Kind.NUMBER
    return Kind.NAME if _NAME.search(query) else None
