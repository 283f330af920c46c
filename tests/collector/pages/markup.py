"""Reading what a page says."""

import re
from html.parser import HTMLParser

_VOID = frozenset({"meta", "link", "img", "input", "br", "rect", "line", "circle"})


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False
        elif self._inside and self.rows[-1]:
            self.rows[-1][-1] += " "

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def table_rows(html: str, label: str) -> list[list[str]]:
    """The text of each cell of the body of the first table in the section labelled by ``label``."""
    section = html[html.index(f'id="{label}"') :]
    body = re.search(r"<tbody[^>]*>(.*?)</tbody>", section, re.DOTALL)
    assert body is not None
    cells = _Cells()
    cells.feed(body[1])
    return [[" ".join(text.split()) for text in row] for row in cells.rows]


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> tuple[list[str], list[tuple[str, str | None]]]:
    """The tags and the attributes of a page; every tag must be closed in order."""
    parser = _Balance()
    parser.feed(html)
    parser.close()
    assert parser.open == [] or parser.open == ["html", "body"], parser.open
    return parser.tags, parser.attributes
