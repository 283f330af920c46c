"""Times that people write: ISO 8601, or an age such as `24h`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"(\d{1,9})\s*(s|m|h|d|w)", re.ASCII)
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# DateTime64(9) is a signed 64-bit count of nanoseconds: the years that it can hold.
_FIRST_YEAR, _LAST_YEAR = 1900, 2261

TIME_HELP = "an ISO 8601 time such as 2026-01-31T08:00:00Z, or an age such as 30m, 24h or 7d"


def parse_time(text: str, *, now: datetime) -> int:
    """Nanoseconds since the epoch of a time in words, or of an age before ``now``.

    Times are ISO 8601, in UTC unless they have an offset; ages are a whole number and s, m, h, d or w.
    Raises ValueError with words for the user.

    >>> parse_time("1970-01-01T00:00:01Z", now=_EPOCH)
    1000000000
    """
    stripped = text.strip()
    try:
        moment = _age(stripped, now) or _iso(stripped)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time: write {TIME_HELP}") from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{text!r} is outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return nanoseconds(moment)


def _age(text: str, now: datetime) -> datetime | None:
    age = _AGE.fullmatch(text)
    return now - timedelta(**{_UNIT[age[2]]: int(age[1])}) if age else None


def _iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def nanoseconds(moment: datetime) -> int:
    """Whole nanoseconds since the epoch; microseconds are exact, unlike with ``timestamp()``."""
    since = moment - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def iso_time(ns: int) -> str:
    """ISO 8601 in UTC with as many digits as the time has: none, milli-, micro- or nanoseconds.

    >>> iso_time(1_000_000_000), iso_time(1_500_000_000), iso_time(1_000_000_001)
    ('1970-01-01T00:00:01Z', '1970-01-01T00:00:01.500Z', '1970-01-01T00:00:01.000000001Z')
    """
    seconds, fraction = divmod(ns, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09d}"
    for kept in (0, 3, 6, 9):
        if not digits[kept:].strip("0"):
            return f"{text}{'.' if kept else ''}{digits[:kept]}Z"
    raise AssertionError(ns)  # pragma: no cover  (nine digits always suffice)
