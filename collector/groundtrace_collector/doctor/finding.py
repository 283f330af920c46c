"""What a check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is: ``fail`` keeps groundtrace from working, ``warn`` may some day."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, and what to do where it is not well."""

    check: str
    state: State
    message: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        return {**asdict(self), "state": self.state.value}


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check=check, state=State.OK, message=message)


def warn(check: str, message: str, advice: str) -> Finding:
    """It works, and may not for long, or lacks a part."""
    return Finding(check=check, state=State.WARN, message=message, advice=advice)


def fail(check: str, message: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check=check, state=State.FAIL, message=message, advice=advice)
