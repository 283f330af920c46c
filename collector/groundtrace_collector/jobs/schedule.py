"""When a job runs next: an interval such as ``5m``, or a cron expression in UTC."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_INTERVAL: Final = re.compile(r"(\d{1,9})\s*([smhd])")
_LONGEST: Final = timedelta(days=366)
_HOW: Final = "give an interval such as 30s, 5m, 1h or 2d, or five cron fields such as '0 3 * * *' (UTC)"
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY_TERM: Final = re.compile(r"(\*|\d|[a-z]{3})(?:-(\d|[a-z]{3}))?(?:/(\d{1,2}))?")


def parse_schedule(every: str) -> BaseTrigger:
    """The APScheduler trigger for ``every``; raises ValueError with the value and what to write instead.

    Intervals are whole seconds, minutes, hours or days from 1 second to 366 days. Cron expressions have
    the five fields of crontab and are in UTC; in the weekday field 0 and 7 are Sunday.
    """
    text = every.strip().lower()
    interval = _INTERVAL.fullmatch(text)
    if interval is not None:
        return IntervalTrigger(seconds=int(_interval(interval, every).total_seconds()), timezone=UTC)
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"every {every!r} is neither an interval nor a cron expression: {_HOW}")
    minute, hour, day, month, weekday = fields
    try:
        return CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=_weekdays(weekday),
            timezone=UTC,
        )
    except ValueError as exc:
        raise ValueError(f"every {every!r} is not a cron expression ({exc}): {_HOW}") from exc


def next_run(every: str, *, created_at: datetime, last_run_at: datetime | None) -> datetime:
    """When the job is to run next; a time in the past means that it is due now.

    A new job with an interval runs at once, one with a cron expression at its first time after
    ``created_at``. Times missed while no collector ran are made up by one run, not by one each.
    A cron expression that never comes (30 February) gives the end of time.
    """
    trigger = parse_schedule(every)
    if last_run_at is None and isinstance(trigger, IntervalTrigger):
        return created_at
    previous = last_run_at or created_at
    fires_at: datetime | None = trigger.get_next_fire_time(previous, previous)
    return fires_at or datetime.max.replace(tzinfo=UTC)


def _interval(match: re.Match[str], every: str) -> timedelta:
    try:
        interval = timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        interval = _LONGEST + timedelta(days=1)
    if not timedelta(seconds=1) <= interval <= _LONGEST:
        raise ValueError(f"every {every!r} must be between 1s and {_LONGEST.days}d")
    return interval


def _weekdays(field: str) -> str:
    """Crontab's weekday field in names.

    APScheduler 3 counts from Monday = 0 where crontab counts from Sunday = 0 (its issue 286), so numbers
    are never passed on; ranges are written out, because APScheduler refuses one that wraps around.
    """
    if field == "*":
        return field
    days = {day for term in field.split(",") for day in _weekday_term(term)}
    return ",".join(_WEEKDAYS[day] for day in sorted({day % 7 for day in days}))


def _weekday_term(term: str) -> range:
    match = _WEEKDAY_TERM.fullmatch(term)
    if match is None:
        raise ValueError(f"weekday {term!r} is not understood")
    first, last, step = match[1], match[2], int(match[3] or 1)
    if step == 0:
        raise ValueError(f"weekday {term!r} steps by 0")
    if first == "*":
        return range(0, 7, step)
    start = _weekday(first)
    end = _weekday(last, end_of_range=True) if last else (6 if match[3] else start)
    if end < start:
        raise ValueError(f"weekday {term!r} ends before it starts")
    return range(start, end + 1, step)


def _weekday(word: str, *, end_of_range: bool = False) -> int:
    if word in _WEEKDAYS:
        day = _WEEKDAYS.index(word)
    elif word.isdigit() and int(word) <= 7:
        day = int(word) % 7
    else:
        raise ValueError(f"{word!r} is not a weekday")
    return 7 if end_of_range and day == 0 else day
