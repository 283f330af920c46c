"""Foreign text made fit for a page: control characters made visible, and cut to what the page can carry."""

import re
from dataclasses import dataclass

from markupsafe import escape

PAGE_BYTES = 250_000
"""What one page may spend on content; DESIGN 3 allows 300 kB of HTML in all."""

HEAD_CHARS = 140

_LINE_ENDS = re.compile(r"\r\n?")
# C0 and C1 controls save tab and newline, the bidirectional embeddings and overrides that could make a
# text read as something it is not (CVE-2021-42574), and lone surrogates, which UTF-8 cannot carry.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Text:
    """A text as a page shows it."""

    shown: str
    cut_chars: int = 0
    """Characters of the original left out after ``shown``; 0 when it is whole."""

    @property
    def head(self) -> str:
        """What stands for the text while it is folded, on one line."""
        return self.shown[:HEAD_CHARS].replace("\n", " ")

    @property
    def long(self) -> bool:
        """Whether it is worth folding."""
        return len(self.shown) > HEAD_CHARS

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.shown or self.cut_chars)


class Budget:
    """The bytes of HTML that a page has left, spent from the most to the least important part."""

    def __init__(self, size_bytes: int = PAGE_BYTES) -> None:
        self.left_bytes = size_bytes

    def spend(self, size_bytes: int) -> bool:
        """Take ``size_bytes`` for markup; False, and nothing taken, when they are not left."""
        if size_bytes > self.left_bytes:
            return False
        self.left_bytes -= size_bytes
        return True

    def text(self, original: object, limit_bytes: int) -> Text:
        """As much of a text as fits in ``limit_bytes`` of HTML and in what is left."""
        text = fitted(original, min(limit_bytes, self.left_bytes))
        self.left_bytes -= html_bytes(text.shown)
        return text

    def folded(self, original: object, limit_bytes: int) -> Text:
        """As ``text``, for one whose head is on the page a second time."""
        text = self.text(original, limit_bytes)
        self.left_bytes = max(0, self.left_bytes - html_bytes(text.head))
        return text


def clean(text: str) -> str:
    """The text with characters that a page must not carry replaced by visible ones.

    >>> clean("a\\x00b")
    'a␀b'
    """
    return _UNFIT.sub(_visible, _LINE_ENDS.sub("\n", text))


def html_bytes(text: str) -> int:
    """The bytes that a text takes once escaped and encoded."""
    return len(str(escape(text)).encode())


def fitted(original: object, limit_bytes: int) -> Text:
    """The longest cleaned start of a text whose HTML takes at most ``limit_bytes``.

    Anything but a string is shown as ``str`` shows it; None is the empty text.
    """
    whole = "" if original is None else str(original)
    start = clean(whole[: max(limit_bytes, 0)])
    if len(whole) <= limit_bytes and html_bytes(start) <= limit_bytes:
        return Text(start)
    length = _longest(whole, limit_bytes)
    return Text(clean(whole[:length]), cut_chars=len(whole) - length)


def one_line(original: object, limit_chars: int) -> str:
    """A text on one line, at most ``limit_chars`` long with an ellipsis where it was cut.

    >>> one_line("two  \\n words and more", 10)
    'two words…'
    """
    # Splitting costs time for a text of megabytes, of which one line shows only the start.
    head = str(original if original is not None else "")[: 8 * limit_chars]
    line = clean(" ".join(head.split()))
    return line if len(line) <= limit_chars else line[: limit_chars - 1].rstrip() + "…"


def _longest(text: str, limit_bytes: int) -> int:
    low, high = 0, min(len(text), max(limit_bytes, 0))
    while low < high:
        middle = (low + high + 1) // 2
        if html_bytes(clean(text[:middle])) <= limit_bytes:
            low = middle
        else:
            high = middle - 1
    return low


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"[U+{code:04X}]" if 0x202A <= code <= 0x202E else "\ufffd"
