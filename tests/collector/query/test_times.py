"""Times as people write them, to the nanosecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_collector.query.times import iso_time, nanoseconds, parse_time

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20T10:00", "2026-11-20T10:00:00Z"),
        ("2026-11-20 10:00:00.25", "2026-11-20T10:00:00.250Z"),
        ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00Z"),
        ("90s", "2026-11-21T11:58:30Z"),
        ("30m", "2026-11-21T11:30:00Z"),
        ("24h", "2026-11-20T12:00:00Z"),
        (" 7 d ", "2026-11-14T12:00:00Z"),
        ("2w", "2026-11-07T12:00:00Z"),
    ],
)
def test_a_time_or_an_age_is_read(text: str, meant: str) -> None:
    assert iso_time(parse_time(text, now=NOW)) == meant


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "24", "h", "-1h", "1.5h", "999999999w", "2026-13-01", "0001-01-01", "9999-01-01"],
)
def test_anything_else_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match=repr(text)):
        parse_time(text, now=NOW)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2261, 12, 31)), st.integers(-14, 14))  # noqa: DTZ001
def test_a_written_time_is_read_back_exactly(moment: datetime, offset: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(hours=offset)))
    if not 1900 < aware.astimezone(UTC).year < 2261:
        return

    assert parse_time(aware.isoformat(), now=NOW) == nanoseconds(aware)
    assert parse_time(iso_time(nanoseconds(aware)), now=NOW) == nanoseconds(aware)
