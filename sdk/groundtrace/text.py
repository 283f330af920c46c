"""Text on its way into a span: redacted first, then cut to length."""

from collections.abc import Mapping
from typing import Any, Final

from groundtrace import guard, semconv
from groundtrace.jsontext import plain
from groundtrace.settings import TraceSettings

# A value that holds itself has no end.
_MAX_DEPTH: Final = 16


def safe_text(value: str, key: str, settings: TraceSettings, cut: list[str], *, redact: bool = True) -> str:
    """``value`` redacted and at most ``max_attribute_chars`` long; a cut adds ``key`` to ``cut``."""
    if redact and settings.redact:
        value = redacted(value, settings)
    if type(value) is not str:
        value = str.__str__(value)  # a text with something hung on it, as LangChain's are
    limit = settings.max_attribute_chars
    if len(value) > limit:
        cut.append(key)
        marker = f"… [{len(value) - limit} characters cut]"
        value = value[: max(limit - len(marker), 0)] + marker
    return value if value.isascii() else encodable(value)


def encodable(value: str) -> str:
    """``value`` without lone surrogates, which UTF-8 lacks: one of them loses a whole batch of spans."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "replace").decode()
    return value


def redacted(value: str, settings: TraceSettings) -> str:
    """``value`` after every redactor; a redactor that fails leaves nothing of it."""
    try:
        for redact in settings.redact:
            value = redact(value)
            if not isinstance(value, str):
                raise TypeError(f"a redactor must return str, got {type(value).__name__}")  # noqa: TRY301
    except Exception as fault:
        if not guard.keep("redacting", fault):
            raise
        return semconv.REDACTED
    return value


def redacted_tree(value: Any, settings: TraceSettings, *, depth: int = 0) -> Any:
    """``value`` with each text in it redacted; keys are left alone, what lies too deep is left out."""
    if isinstance(value, str):
        return redacted(value, settings)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= _MAX_DEPTH:
        return semconv.REDACTED
    if isinstance(value, Mapping):
        return {key: redacted_tree(item, settings, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_tree(item, settings, depth=depth + 1) for item in value]
    # A foreign object's texts are inside it: redact what JSON would show of it.
    return redacted_tree(plain(value, settings.max_attribute_chars), settings, depth=depth + 1)
