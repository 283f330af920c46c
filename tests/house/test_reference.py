"""docs/reference.md says what the code says."""

import importlib.util
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="Python versions write signatures differently")
def test_the_reference_is_what_make_docs_makes() -> None:
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)

    written = (DOCS / "reference.md").read_text(encoding="utf-8")

    assert written == program.reference(), "docs/reference.md is out of date: run make docs"
