"""What traces are divided by: fields of the trace, metadata keys, what follows from them, or several of these."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from groundtrace_collector.query.errors import QueryError, suggestion
from groundtrace_collector.query.fields import TRACE_FIELDS, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_KEY = 200
MAX_DIMENSIONS = 4
SEPARATOR = " · "
"""Between the values in the key of several dimensions; in a value the dot has a backslash before it."""
_DAY_NS, _HOUR_NS = 86_400_000_000_000, 3_600_000_000_000
_UP_TO = {20: "1-20", 50: "21-50", 100: "51-100", 200: "101-200", 500: "201-500"}
_LONGER = "501+"
LENGTHS = (*_UP_TO.values(), _LONGER)
_AGES: dict[str, tuple[int, int | None]] = {
    "under 1 day": (0, 1),
    "1-7 days": (1, 7),
    "7-30 days": (7, 30),
    "30-90 days": (30, 90),
    "90-365 days": (90, 365),
    "over 365 days": (365, None),
}
_NOT_COHORTS = {"query", "answer"}
_BRACKETED = re.compile(r"metadata\['((?:[^']|'')+)'\]")
_PLAIN = re.compile(r"metadata(\.[A-Za-z_]\w*)+", re.ASCII)
_PARTS = re.compile(r"\s*(metadata\['(?:[^']|'')+'\]|[^,]*?)\s*(?:,|$)")

BOOKKEEPING = ("ls_", "lc_", "langgraph_", "checkpoint_", "__")
"""How keys begin that LangChain puts beside the app's own: they may be asked by, and are not offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A dimension: SQL over `traces` whose value is the cohort's key, '' where a trace has none."""

    name: str
    sql: str
    parameters: dict[str, object]
    where: Callable[[str], str]
    """From a key to the where-expression that finds its traces; '' where no expression does."""
    parts: tuple[Dimension, ...] = ()
    """Of several dimensions, each of them."""

    def labelled(self, key: str) -> dict[str, object]:
        """A cohort's `key`; of several dimensions also its values, as `keys`."""
        return {"key": key} | ({"keys": values_of(key)} if self.parts else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Derived:
    """A dimension that no field is: computed from columns."""

    sql: str
    where: Callable[[str], str] = field(default=lambda _: "")


def dimension(text: str, *, prefix: str = "dimension") -> Dimension:
    """The dimension named ``text``, or several separated by commas; raises QueryError that lists those there are.

    A metadata key that has a comma is written `metadata['KEY']`. ``prefix`` begins the names of bound values.

    >>> dimension("encoder").sql, dimension("encoder, metadata['a,b']").name
    ('Encoder', "encoder,metadata['a,b']")
    """
    names = _names(text)
    if len(names) == 1:
        return _one(names[0], prefix=prefix)
    if len(names) > MAX_DIMENSIONS:
        raise QueryError("too_many", f"at most {MAX_DIMENSIONS} dimensions at once, got {len(names)}")
    parts = tuple(_one(name, prefix=f"{prefix}{index}") for index, name in enumerate(names))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise QueryError("dimension_twice", f"dimension {twice!r} is given twice: leave one out")
    values = f", '{SEPARATOR}', ".join(_escaped(part.sql) for part in parts)
    return Dimension(
        name=",".join(part.name for part in parts),
        sql=f"concat({values})",
        parameters={name: value for part in parts for name, value in part.parameters.items()},
        where=lambda key: _all_where(parts, key),
        parts=parts,
    )


def values_of(key: str) -> list[str]:
    """The values in the key of several dimensions.

    >>> values_of("billing · hash@1")
    ['billing', 'hash@1']
    """
    return [re.sub(r"\\([\\·])", r"\1", value) for value in key.split(SEPARATOR)]


def of_metadata(key: str) -> str:
    """How the dimension of a metadata key is written; '' for a key that none can be asked by.

    >>> of_metadata("doc_family"), of_metadata("city, state")
    ('metadata.doc_family', "metadata['city, state']")
    """
    if not _is_askable(key):
        return ""
    plain = "," not in key and key == key.strip()
    return f"metadata.{key}" if plain else "metadata['{}']".format(key.replace("'", "''"))


def _is_askable(key: str) -> bool:
    return 0 < len(key) <= MAX_KEY and key.isprintable()


def _names(text: str) -> list[str]:
    return [found[1] for found in _PARTS.finditer(text) if found.start() < len(text) or not text]


def _one(name: str, *, prefix: str) -> Dimension:
    key = _metadata_key(name)
    if key is not None and _is_askable(key):
        parameter = f"{prefix}_key"
        word = name if _PLAIN.fullmatch(name) else f"metadata['{_quoted(key)}']"
        return Dimension(
            name=name,
            sql=f"Metadata[{{{parameter}:String}}]",
            parameters={parameter: key},
            where=lambda value: _equals(word, value),
        )
    if name in DERIVED:
        derived = DERIVED[name]
        return Dimension(name=name, sql=derived.sql, parameters={}, where=derived.where)
    if name in FIELDS:
        sql = TRACE_FIELDS[name].column
        return Dimension(name=name, sql=sql, parameters={}, where=lambda value: _equals(name, value))
    known = f"{', '.join(NAMES)} or metadata.KEY"
    raise QueryError("unknown_dimension", f"unknown dimension {name!r}{suggestion(name, NAMES)}; use {known}")


def _metadata_key(name: str) -> str | None:
    bracketed = _BRACKETED.fullmatch(name)
    if bracketed:
        return bracketed[1].replace("''", "'")
    return name.removeprefix("metadata.") if name.startswith("metadata.") else None


def _escaped(sql: str) -> str:
    return rf"replaceRegexpAll(toString({sql}), '([\\\\·])', '\\\\\\1')"


# --- back from a key to its traces ------------------------------------------------------------------------


def _all_where(parts: Sequence[Dimension], key: str) -> str:
    values = values_of(key)
    if len(values) != len(parts):
        return ""
    found = [part.where(value) for part, value in zip(parts, values, strict=True)]
    return " and ".join(found) if all(found) else ""


def _equals(word: str, value: str) -> str:
    return f"{word} = '{_quoted(value)}'" if value else f"{word} is null"


def _of_day(day: str) -> str:
    try:
        end = date.fromisoformat(day) + timedelta(days=1)
    except (ValueError, OverflowError):
        return ""
    return f"started_at >= '{day}' and started_at < '{end}'"


def _of_language(language: str) -> str:
    if not language:
        return "metadata.language is null"
    literal = re.sub(r"([\\%_])", r"\\\1", language)
    tests = (f"metadata.language ilike '{_quoted(literal + rest)}'" for rest in ("", "-%", r"\_%"))
    return f"({' or '.join(tests)})"


def _of_age(age: str) -> str:
    if age not in _AGES:
        return "" if age else "document_age_days is null"
    least, most = _AGES[age]
    below = f" and document_age_days < {most}" if most else ""
    return f"document_age_days >= {least}{below}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


# --- what there is ----------------------------------------------------------------------------------------


def _of_length(column: str) -> str:
    steps = ", ".join(f"lengthUTF8({column}) <= {most}, '{name}'" for most, name in _UP_TO.items())
    return f"multiIf({column} = '', '', {steps}, '{_LONGER}')"


def _by_age(days: str) -> str:
    steps = ", ".join(f"{days} < {most}, '{name}'" for name, (_, most) in _AGES.items() if most)
    return f"multiIf(isNull({days}), '', {steps}, '{list(_AGES)[-1]}')"


# Times go through a function that the engine does not look behind: a condition that prunes days would hide the
# newer version of a row that a late root moved to another day (see filters.py). They are UTC so, too.
_NS = "toUnixTimestamp64Nano(StartedAt)"
DERIVED = {
    "query_length": _Derived(sql=_of_length("Query")),
    "language": _Derived(
        sql="lowerUTF8(extract(toString(Metadata['language']), '^[^-_]*'))", where=_of_language
    ),
    "document_age": _Derived(sql=_by_age(TRACE_FIELDS["document_age_days"].column), where=_of_age),
    "day": _Derived(sql=f"toString(toDate(toInt32(intDiv({_NS}, {_DAY_NS}))))", where=_of_day),
    "hour": _Derived(sql=f"leftPad(toString(intDiv({_NS}, {_HOUR_NS}) % 24), 2, '0')"),
}
"""Dimensions that are computed: the length of the query in characters, the language that the metadata name without
its region, how old the best-ranked dated document of the context was, the day and the hour of the day (UTC) in which
the trace started."""
FIELDS = tuple(
    name for name, field in TRACE_FIELDS.items() if field.kind is Kind.TEXT and name not in _NOT_COHORTS
)
NAMES = (*FIELDS, *DERIVED)
