"""The list of ways out of the SQL endpoint that the tests try."""

from pathlib import Path

_TEXT = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
_LINES = [line.replace("\\n", "\n") for line in _TEXT.splitlines() if not line.startswith("#")]
_DASHES = _LINES.index("-----")

REFUSED = _LINES[:_DASHES]
FILTERED = _LINES[_DASHES + 1 :]
