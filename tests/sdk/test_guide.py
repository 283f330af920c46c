"""The guide is complete."""

import re
from pathlib import Path

SDK = Path(__file__).parents[2] / "sdk" / "groundtrace"
GUIDE = Path(__file__).parents[2] / "docs" / "guide-tracing.md"
OURS = re.compile(r'"(GROUNDTRACE_[A-Z_]+)"')


def test_each_variable_of_ours_that_is_read_is_in_the_guide() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    read = {name for path in SDK.rglob("*.py") for name in OURS.findall(path.read_text(encoding="utf-8"))}

    # GROUNDTRACE_RAISE_FAULTS is for groundtrace's own tests.
    assert sorted(name for name in read - {"GROUNDTRACE_RAISE_FAULTS"} if name not in guide) == []
