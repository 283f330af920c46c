"""What workers said that they have, and which evaluators of a job wait for money."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

KEPT_S: Final = 60.0
"""A version holds so long after a worker named it; only then may another take its place."""


@dataclass(slots=True)
class Offers:
    """Evaluators that only workers have, by their own settings; ``clock`` gives seconds.

    Where two workers have another version under one name, the one that came first is asked for as long as
    it is heard of: a trace would be scored, and paid, by both otherwise.
    """

    clock: Callable[[], float]
    _versions: dict[str, str] = field(default_factory=dict)
    _heard_at: dict[str, float] = field(default_factory=dict)

    def heard(self, configured: Mapping[str, str]) -> None:
        """A worker has these."""
        now = self.clock()
        for name, version in configured.items():
            if self._versions.get(name, version) == version or self._heard_at[name] + KEPT_S < now:
                self._versions[name] = version
                self._heard_at[name] = now

    def versions(self) -> dict[str, str]:
        """Name and version of each, also while its worker is away."""
        return dict(self._versions)


@dataclass(slots=True, kw_only=True)
class Waiting:
    """The evaluators of a job that its budget does not cover before ``until``."""

    until: datetime
    evaluators: set[str] = field(default_factory=set)
