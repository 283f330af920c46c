"""English words without their inflection."""

_SUFFIXES = (
    *(("ations", "at"), ("ation", "at"), ("ingly", ""), ("edly", ""), ("ness", ""), ("ments", "ment")),
    *(("ies", "y"), ("ied", "y"), ("ing", ""), ("ers", "er"), ("est", ""), ("ed", ""), ("ly", "")),
    *(("ees", "ee"), ("es", ""), ("s", "")),
)
_KEEPS_S = ("ss", "us", "is")
_MIN_STEM_CHARS = 3


def stem(word: str) -> str:
    """A lower-case English word without its ending; short words are left alone.

    Light on purpose: it need only bring the forms of one word together, not find its root.

    >>> [stem(word) for word in ("stopped", "stopping", "stories", "glass", "makes", "making")]
    ['stop', 'stop', 'story', 'glas', 'mak', 'mak']
    """
    if not word.endswith(_KEEPS_S):
        for suffix, replacement in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= _MIN_STEM_CHARS:
                word = word.removesuffix(suffix) + replacement
                break
    if len(word) > _MIN_STEM_CHARS and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word[:-1] if len(word) > _MIN_STEM_CHARS and word[-1] == "e" else word
