"""Intervals and cron expressions."""

from datetime import UTC, datetime, timedelta

import pytest

from groundtrace_collector.jobs.schedule import next_run, parse_schedule

WEDNESDAY = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "then"),
    [
        pytest.param("30s", WEDNESDAY + timedelta(seconds=30), id="seconds"),
        pytest.param("5m", WEDNESDAY + timedelta(minutes=5), id="minutes"),
        pytest.param(" 1 H ", WEDNESDAY + timedelta(hours=1), id="hours-with-space"),
        pytest.param("2d", WEDNESDAY + timedelta(days=2), id="days"),
        pytest.param("0 3 * * *", datetime(2026, 3, 5, 3, tzinfo=UTC), id="cron-daily"),
        pytest.param("*/15 * * * *", datetime(2026, 3, 4, 10, 15, tzinfo=UTC), id="cron-quarters"),
        pytest.param("0 0 * * 0", datetime(2026, 3, 8, tzinfo=UTC), id="cron-0-is-sunday"),
        pytest.param("0 0 * * 7", datetime(2026, 3, 8, tzinfo=UTC), id="cron-7-is-sunday"),
        pytest.param("0 0 * * 1-5", datetime(2026, 3, 5, tzinfo=UTC), id="cron-1-is-monday"),
        pytest.param("0 0 * * fri-sun", datetime(2026, 3, 6, tzinfo=UTC), id="cron-names-up-to-sunday"),
        pytest.param("0 0 * * */3", datetime(2026, 3, 7, tzinfo=UTC), id="cron-weekday-steps-from-sunday"),
    ],
)
def test_a_job_runs_again_at_the_next_time_after_its_last(every: str, then: datetime) -> None:
    assert next_run(every, created_at=WEDNESDAY, last_run_at=WEDNESDAY) == then


def test_a_new_interval_job_runs_at_once_and_a_new_cron_job_at_its_time() -> None:
    assert next_run("1h", created_at=WEDNESDAY, last_run_at=None) == WEDNESDAY
    assert next_run("0 11 * * *", created_at=WEDNESDAY, last_run_at=None) == WEDNESDAY + timedelta(hours=1)


def test_a_date_that_never_comes_is_the_end_of_time() -> None:
    assert next_run("0 0 30 2 *", created_at=WEDNESDAY, last_run_at=WEDNESDAY).year == 9999


@pytest.mark.parametrize(
    ("every", "reason"),
    [
        pytest.param("", "neither an interval nor a cron", id="empty"),
        pytest.param("5x", "'5x' is neither an interval nor a cron", id="unknown-unit"),
        pytest.param("-5m", "neither an interval nor a cron", id="negative"),
        pytest.param("0s", "'0s' must be between 1s and 366d", id="zero"),
        pytest.param("999999999d", "must be between 1s and 366d", id="too-long"),
        pytest.param("61 * * * *", "'61 \\* \\* \\* \\*' is not a cron expression .*61", id="minute-61"),
        pytest.param("* * * * 8", "'8' is not a weekday", id="weekday-8"),
        pytest.param("* * * * 5-2", "ends before it starts", id="weekday-backwards"),
        pytest.param("* * * * */0", "steps by 0", id="weekday-step-0"),
        pytest.param("* * *", "neither an interval nor a cron", id="three-fields"),
        pytest.param("* * * * * *", "neither an interval nor a cron", id="six-fields"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_value_and_the_cure(every: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_schedule(every)
