import pytest

from groundtrace.errors import ConfigError
from groundtrace.settings import TraceSettings, current_settings, settings_from_env, stricter


def test_an_empty_environment_gives_the_defaults() -> None:
    assert settings_from_env({}) == TraceSettings()


def test_openinference_switches_are_honoured() -> None:
    settings = settings_from_env({"OPENINFERENCE_HIDE_INPUTS": "true", "OPENINFERENCE_HIDE_OUTPUT_TEXT": "1"})

    assert settings.hide_inputs
    assert settings.hide_output_text
    assert not settings.hide_outputs


@pytest.mark.parametrize(
    ("capture", "content", "genai"),
    [
        pytest.param("NO_CONTENT", "ids", False, id="no-content"),
        pytest.param("SPAN_ONLY", "full", True, id="span-only"),
        pytest.param("", "full", False, id="unset"),
    ],
)
def test_the_genai_content_switch_is_honoured(capture: str, content: str, *, genai: bool) -> None:
    settings = settings_from_env({"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": capture})

    assert settings.content == content
    assert settings.genai_messages is genai


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param(
            {"GROUNDTRACE_CONTENT": "some"},
            "content must be one of full, ids, none, got 'some' (from GROUNDTRACE_CONTENT)",
            id="content",
        ),
        pytest.param(
            {"GROUNDTRACE_PLUMBING": "all"},
            "GROUNDTRACE_PLUMBING must be one of names, full, none, got 'all'",
            id="plumbing",
        ),
        pytest.param(
            {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many"},
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a whole number of at least 0, got 'many'",
            id="limit",
        ),
        pytest.param(
            {"OPENINFERENCE_HIDE_INPUTS": "maybe"},
            "OPENINFERENCE_HIDE_INPUTS must be true or false, got 'maybe'",
            id="switch",
        ),
    ],
)
def test_a_wrong_value_is_an_error_that_names_it(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings_from_env(environ)

    assert str(error.value) == message


def test_a_wrong_variable_never_reaches_a_traced_call_and_lets_nothing_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GROUNDTRACE_RAISE_FAULTS")
    monkeypatch.setenv("GROUNDTRACE_CONTENT", "some")

    assert current_settings().content == "none"


def test_the_stricter_content_wins() -> None:
    assert stricter("full", "ids") == "ids"
    assert stricter("none", "ids") == "none"
