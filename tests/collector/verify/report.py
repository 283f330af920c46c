"""Figures of the long runs, for whoever runs `make verify`."""

from __future__ import annotations

import sys


def report(figures: str) -> None:
    """Say what a run measured."""
    sys.stdout.write(f"\n{figures}\n")
