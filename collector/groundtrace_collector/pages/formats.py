"""Numbers, durations and times as people read them."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

NOTHING = "—"
"""What stands where there is no value."""
MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time on a page: short for the eye, exact for the machine and the tooltip."""

    iso: str
    day: str
    clock: str
    ago: str


def duration(ms: float | None) -> str:
    """A duration in the unit that keeps it at three or four characters.

    >>> duration(0.42), duration(8.25), duration(840), duration(2345), duration(192_000)
    ('0.42 ms', '8.2 ms', '840 ms', '2.35 s', '3 min 12 s')
    """
    if ms is None or not math.isfinite(ms):
        return NOTHING
    if ms < 0:
        return with_minus(f"-{duration(-ms)}")
    if ms < 1:
        return f"{ms:.2f} ms"
    if ms < 10:
        return f"{ms:.1f} ms"
    if ms < 1_000:
        return f"{ms:.0f} ms"
    return _seconds(ms / 1_000)


def with_minus(text: str) -> str:
    """A formatted number with a real minus sign, as wide as a plus; without one where only zeros are left.

    >>> with_minus("-1.5 ms"), with_minus("-0.000"), with_minus("1-2")
    ('\u22121.5 ms', '0.000', '1-2')
    """
    if not text.startswith("-"):
        return text
    return f"{MINUS}{text[1:]}" if reads_nonzero(text) else text[1:]


def reads_nonzero(text: str) -> bool:
    """Whether a formatted number shows another digit than 0."""
    return any(digit in text for digit in "123456789")


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands separated.

    >>> number(12345), number(0.5, 2), number(-0.25, 2), number(None)
    ('12,345', '0.50', '\u22120.25', '—')
    """
    return NOTHING if value is None or not math.isfinite(value) else with_minus(f"{value:,.{digits}f}")


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "trace"), counted(1200, "span")
    ('1 trace', '1,200 spans')
    """
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def significant(value: float | None) -> str:
    """A number to three significant digits, without an exponent where it can be read without.

    >>> significant(0.012345), significant(1234.5), significant(0.0)
    ('0.0123', '1,234', '0')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    return with_minus(f"{value:,.{min(max(digits, 0), 8)}f}")


def dollars(value: float | None) -> str:
    """An amount of US dollars; small ones keep two significant digits.

    >>> dollars(1.5), dollars(0.00123), dollars(0)
    ('$1.50', '$0.0012', '$0')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "$0"
    digits = 2 if abs(value) >= 1 else min(8, 1 - math.floor(math.log10(abs(value))))
    return with_minus(f"{'-' if value < 0 else ''}${abs(value):,.{max(digits, 2)}f}")


def moment(iso: str | None, now: datetime) -> Moment | None:
    """A time of the API (ISO 8601) for a page; None for none, ValueError for anything else."""
    if not iso:
        return None
    at = datetime.fromisoformat(iso).astimezone(UTC)
    day = f"{at:%b} {at.day}" if at.year == now.year else f"{at:%Y-%m-%d}"
    return Moment(iso=iso, day=day, clock=f"{at:%H:%M:%S}", ago=ago((now - at).total_seconds()))


def moment_of_ms(ms: int | None, now: datetime) -> Moment | None:
    """As ``moment``, of milliseconds since the epoch."""
    if ms is None:
        return None
    at = datetime.fromtimestamp(ms / 1_000, UTC)
    return moment(at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), now)


def ago(seconds: float) -> str:
    """How long ago, in one unit.

    >>> ago(30), ago(150), ago(7200), ago(200_000), ago(-5)
    ('just now', '2 min ago', '2 h ago', '2 d ago', 'just now')
    """
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def words(name: str) -> str:
    """An identifier as words: ``context_relevance`` and ``ContextRelevance`` alike.

    >>> words("context_relevance"), words("fail_rate:groundedness")
    ('Context relevance', 'Fail rate: groundedness')
    """
    text = name.replace("_", " ").replace(":", ": ").strip()
    return text[:1].upper() + text[1:]


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
