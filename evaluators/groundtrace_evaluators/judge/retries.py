"""What is worth a second try, and after how long."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from groundtrace_evaluators.score import Status

_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
_SERVER_ERRORS: Final = range(500, 600)


def is_passing(http_status: int) -> bool:
    """Whether the same request may succeed later: 408, 409, 429 and 5xx.

    >>> [code for code in (400, 401, 408, 409, 422, 429, 500, 503) if is_passing(code)]
    [408, 409, 429, 500, 503]
    """
    return http_status in _PASSING or http_status in _SERVER_ERRORS


def status_of(http_status: int) -> Status:
    """How an evaluation ends when this was the endpoint's last answer."""
    if http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return Status.RATE_LIMITED
    if http_status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT}:
        return Status.TIMEOUT
    return Status.ERROR


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as a date; None when it says nothing.

    Source: RFC 9110, section 10.2.3.

    >>> retry_after_s("2.5", datetime.now(UTC)), retry_after_s("soon", datetime.now(UTC))
    (2.5, None)
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            when = parsedate_to_datetime(header)
        except ValueError:
            return None
        aware = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (aware - now).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None


def wait_s(
    retry: int, asked_s: float | None, *, first_wait_s: float, max_wait_s: float, jitter: float
) -> float | None:
    """The pause before retry number ``retry`` (from 1); None when it would be longer than may be waited.

    ``jitter`` is a random number in [0, 1). Without a Retry-After the pause lies between half of and the
    whole of the doubled one; with one it is that, and up to a tenth more, so that callers spread.

    >>> wait_s(3, None, first_wait_s=1.0, max_wait_s=30.0, jitter=0.5)
    3.0
    >>> wait_s(1, 120.0, first_wait_s=1.0, max_wait_s=30.0, jitter=0.5) is None
    True
    """
    if asked_s is not None:
        return None if asked_s > max_wait_s else asked_s * (1.0 + jitter / 10.0)
    longest: float = min(max_wait_s, first_wait_s * 2 ** (retry - 1))
    return longest * (0.5 + jitter / 2.0)
