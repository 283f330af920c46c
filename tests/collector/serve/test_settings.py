"""Every setting of the collector is in its documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundtrace_collector.config import ENVIRONMENT_PREFIX, CollectorConfig
from groundtrace_collector.errors import ConfigError

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


@pytest.mark.parametrize("field", CollectorConfig.model_fields)
def test_each_setting_is_documented(field: str) -> None:
    assert f"`{ENVIRONMENT_PREFIX}{field.upper()}`" in OPERATIONS.read_text()


def test_names_come_from_the_environment_separated_by_commas() -> None:
    config = CollectorConfig.from_env({"GROUNDTRACE_ALLOW_HOST": "a.example, b.example,"})

    assert config.allow_host == ("a.example", "b.example")


def test_no_host_is_not_every_address() -> None:
    with pytest.raises(ConfigError, match=r"host: .* at least 1 character, got '' \(from GROUNDTRACE_HOST\)"):
        CollectorConfig.from_env({"GROUNDTRACE_HOST": ""})
