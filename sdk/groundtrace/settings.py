"""How much of what the app handles goes into spans."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from groundtrace.errors import ConfigError
from groundtrace.guard import keep

Content = Literal["full", "ids", "none"]
"""``full``: texts, ids and scores; ``ids``: ids and scores, no text; ``none``: neither text nor ids."""

Plumbing = Literal["names", "full", "none"]
"""What a framework's plumbing steps carry: only a name, as much as OpenInference's, or no span at all."""

Redactor = Callable[[str], str]

Redact = Literal["patterns"] | Redactor | Sequence[Literal["patterns"] | Redactor]
"""What ``redact`` may be: functions from text to text, or the built-in patterns by name."""

DEFAULT_MAX_ATTRIBUTE_CHARS: Final = 32_768
DEFAULT_MAX_DOCUMENTS: Final = 200
# The OpenTelemetry SDK's own limit; beyond it the oldest attributes are lost without a word.
DEFAULT_MAX_ATTRIBUTES: Final = 128
DEFAULT_BASE64_IMAGE_CHARS: Final = 32_000

_CONTENT_ORDER: Final[tuple[Content, ...]] = ("full", "ids", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSettings:
    """What may go into a span, and how much of it.

    ``redact`` runs over every text before anything else sees it. The ``hide_*`` switches are
    OpenInference's. ``max_attributes`` is the span's attribute limit: document lists are cut to
    stay inside it, best documents kept. ``vector_sample`` is the share of encoders' vectors to keep,
    in [0, 1]; without it none, unless ``hide_embeddings_vectors`` is False, not None: then all.
    """

    content: Content = "full"
    redact: tuple[Redactor, ...] = ()
    plumbing: Plumbing = "names"
    max_attribute_chars: int = DEFAULT_MAX_ATTRIBUTE_CHARS
    max_documents: int = DEFAULT_MAX_DOCUMENTS
    max_attributes: int = DEFAULT_MAX_ATTRIBUTES
    base64_image_max_length: int = DEFAULT_BASE64_IMAGE_CHARS
    genai_messages: bool = False
    vector_sample: float | None = None
    hide_inputs: bool = False
    hide_outputs: bool = False
    hide_input_messages: bool = False
    hide_output_messages: bool = False
    hide_input_images: bool = False
    hide_input_text: bool = False
    hide_output_text: bool = False
    hide_embeddings_vectors: bool | None = None
    hide_embeddings_text: bool = False
    hide_llm_invocation_parameters: bool = False
    hide_llm_tools: bool = False
    hide_prompts: bool = False
    hide_choices: bool = False
    # Derived, so that the hot path asks one attribute.
    texts: bool = field(init=False, default=True)
    ids: bool = field(init=False, default=True)
    vector_share: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", self.content == "full")
        object.__setattr__(self, "ids", self.content != "none")
        object.__setattr__(self, "vector_share", self._vector_share())

    def _vector_share(self) -> float:
        # Much of a text can be read back out of its vector.
        if self.hide_embeddings_vectors or not self.texts:
            return 0.0
        if self.vector_sample is not None:
            return self.vector_sample
        return 1.0 if self.hide_embeddings_vectors is False else 0.0


_HIDE_SWITCHES: Final = (
    "inputs",
    "outputs",
    "input_messages",
    "output_messages",
    "input_images",
    "input_text",
    "output_text",
    "embeddings_vectors",
    "embeddings_text",
    "llm_invocation_parameters",
    "llm_tools",
    "prompts",
    "choices",
)


def settings_from_env(environ: Mapping[str, str] = os.environ) -> TraceSettings:
    """Settings as the environment gives them.

    Reads ``GROUNDTRACE_CONTENT``, ``GROUNDTRACE_PLUMBING``, ``GROUNDTRACE_REDACT``,
    ``GROUNDTRACE_VECTOR_SAMPLE``, ``OPENINFERENCE_HIDE_*``,
    ``OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH``, ``OPENINFERENCE_ENABLE_GENAI_SEMCONV``,
    ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` and the SDK's attribute limits.
    Raises ConfigError on a value that none of them has.
    """
    capture = environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").strip().upper()
    content = parse_content(environ.get("GROUNDTRACE_CONTENT") or "full", "GROUNDTRACE_CONTENT")
    if capture in {"NO_CONTENT", "EVENT_ONLY", "FALSE"}:
        content = stricter(content, "ids")
    hidden = {
        f"hide_{name}": _switch(environ[key], key)
        for name in _HIDE_SWITCHES
        if environ.get(key := f"OPENINFERENCE_HIDE_{name.upper()}")
    }
    genai = environ.get("OPENINFERENCE_ENABLE_GENAI_SEMCONV")
    redact = environ.get("GROUNDTRACE_REDACT")
    settings = TraceSettings(
        content=content,
        redact=redactors_of(redact, "GROUNDTRACE_REDACT") if redact else (),
        plumbing=_plumbing(environ.get("GROUNDTRACE_PLUMBING") or "names"),
        max_attributes=attribute_limit(environ),
        vector_sample=_share(environ, "GROUNDTRACE_VECTOR_SAMPLE"),
        base64_image_max_length=_whole(
            environ, "OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", DEFAULT_BASE64_IMAGE_CHARS
        ),
        genai_messages=capture in {"SPAN_ONLY", "SPAN_AND_EVENT", "TRUE"}
        or bool(genai and _switch(genai, "OPENINFERENCE_ENABLE_GENAI_SEMCONV")),
    )
    # mypy cannot see that the keys are the model's own fields.
    return replace(settings, **hidden)  # type: ignore[arg-type]


def attribute_limit(environ: Mapping[str, str], default: int = DEFAULT_MAX_ATTRIBUTES) -> int:
    """How many attributes the SDK lets a span carry, by ``OTEL_*_ATTRIBUTE_COUNT_LIMIT``."""
    for key in ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"):
        if environ.get(key):
            return _whole(environ, key, default)
    return default


def stricter(one: Content, other: Content) -> Content:
    """Return whichever of the two lets less out."""
    return max(one, other, key=_CONTENT_ORDER.index)


def parse_content(value: str, source: str) -> Content:
    """Check a content level. Raises ConfigError naming ``source``."""
    for content in _CONTENT_ORDER:
        if value == content:
            return content
    raise ConfigError(f"content must be one of {', '.join(_CONTENT_ORDER)}, got {value!r} (from {source})")


def redactors_of(redact: object, source: str) -> tuple[Redactor, ...]:
    """Return the functions that ``redact`` stands for. Raises ConfigError naming ``source``."""
    given = [redact] if callable(redact) or not isinstance(redact, list | tuple) else redact
    found: list[Redactor] = []
    for item in given:
        if item == "patterns":
            from groundtrace.redaction import redact_patterns

            found.append(redact_patterns)
        elif callable(item):
            found.append(item)
        else:
            raise ConfigError(
                f"redact must be 'patterns', a function from str to str, or several, got {item!r} (from {source})"
            )
    return tuple(found)


def _plumbing(value: str) -> Plumbing:
    for plumbing in get_args(Plumbing):
        if value == plumbing:
            return plumbing  # type: ignore[no-any-return]
    raise ConfigError(f"GROUNDTRACE_PLUMBING must be one of names, full, none, got {value!r}")


def _switch(value: str, key: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"true", "1", "yes", "on"}:
        return True
    if lowered in {"false", "0", "no", "off"}:
        return False
    raise ConfigError(f"{key} must be true or false, got {value!r}")


def _whole(environ: Mapping[str, str], key: str, default: int) -> int:
    value = environ.get(key)
    if not value or (value.strip().lower() == "unset"):
        return default
    if not value.strip().isdigit():
        raise ConfigError(f"{key} must be a whole number of at least 0, got {value!r}")
    return int(value)


def _share(environ: Mapping[str, str], key: str) -> float | None:
    value = environ.get(key)
    if not value:
        return None
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"{key} must be a number from 0 to 1, got {value!r}")
    return share


_current: TraceSettings | None = None


def current_settings() -> TraceSettings:
    """Return what ``instrument()`` set, else what the environment says.

    Called from within the app's own calls, so a wrong variable is logged here, not raised; nothing
    private goes out until it is right.
    """
    global _current  # noqa: PLW0603 - one setting per process, read on every span
    if _current is None:
        try:
            _current = settings_from_env()
        except ConfigError as error:
            if not keep("reading its settings", error):
                raise
            _current = TraceSettings(content="none")
    return _current


def use_settings(settings: TraceSettings | None) -> None:
    """Make ``settings`` current; None goes back to the environment's."""
    global _current  # noqa: PLW0603
    _current = settings
