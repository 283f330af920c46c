"""The types that callers see."""

from pathlib import Path

from mypy import api


def test_decorators_and_steps_are_seen_with_their_types() -> None:
    cases = Path(__file__).with_name("typing_cases.py")

    said, errors, status = api.run([str(cases), "--no-error-summary"])

    assert (status, said, errors) == (0, "", "")
