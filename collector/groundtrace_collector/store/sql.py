"""SQL statements are files beside the module that runs them; this reads them."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def statement(package: str, name: str) -> str:
    """The text of ``<package>/<name>.sql``; raises FileNotFoundError where there is none."""
    return resources.files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def split_statements(script: str) -> list[str]:
    """The statements of a script, each ended by a semicolon at the end of a line; comments stay with theirs."""
    parts = [part.strip() for part in f"{script}\n".split(";\n")]
    return [part for part in parts if any(not _is_comment(line) for line in part.splitlines())]


def _is_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("--")
