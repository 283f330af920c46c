"""Jobs as a TOML file states them: one table `[jobs.NAME]` each, with the fields of a job."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from groundtrace_collector.errors import ConfigError
from groundtrace_collector.jobs.job import JobSpec, one_line

_TABLE: Final = r"""^[ \t]*\[[ \t]*jobs[ \t]*\.[ \t]*(["']?){name}\1[ \t]*\]"""
_FIELD: Final = r"""^[ \t]*(["']?){name}\1[ \t]*="""


def read_jobs(path: Path) -> list[JobSpec]:
    """The file's jobs, in its order.

    Raises ConfigError that names the file, the line, the job and the field that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}") from exc
    tables = content.get("jobs")
    if not isinstance(tables, dict) or not tables or set(content) != {"jobs"}:
        other = ", ".join(sorted(set(content) - {"jobs"})) or "no table of that kind"
        raise ConfigError(f"{path} holds tables [jobs.NAME] and nothing else, found {other}")
    return [_spec(path, text, name, table) for name, table in tables.items()]


def _spec(path: Path, text: str, name: str, table: object) -> JobSpec:
    if not isinstance(table, dict) or "name" in table:
        raise ConfigError(f"{path}, jobs.{name}: a job is a table [jobs.NAME], which gives its name")
    if "cohorts_of" in table:
        line = line_of(text, name, "cohorts_of")
        raise ConfigError(
            f"{path}, line {line}, jobs.{name}: cohorts_of is the collector's to know: leave it out"
        )
    try:
        return JobSpec.model_validate(table | {"name": name})
    except ValidationError as exc:
        line = line_of(text, name, _field(exc.errors()[0]["loc"]))
        raise ConfigError(f"{path}, line {line}, jobs.{name}: {one_line(exc)}") from exc


def _field(location: tuple[Any, ...]) -> str:
    return str(location[0]) if location else ""


def line_of(text: str, job: str, field: str) -> int:
    """The line of a job's field, or of its table where the field is not there; 1 where neither is written so.

    >>> line_of('[jobs.a]\\nsample = 1\\n[jobs.b]\\nsample = 2\\n', "b", "sample")
    4
    """
    table = re.search(_TABLE.format(name=re.escape(job)), text, re.MULTILINE)
    if table is None:
        return 1
    end = re.compile(r"^[ \t]*\[[ \t]*jobs", re.MULTILINE).search(text, table.end())
    found = re.compile(_FIELD.format(name=re.escape(field)), re.MULTILINE).search(
        text, table.end(), end.start() if end else len(text)
    )
    return text.count("\n", 0, found.start() if found else table.start()) + 1
