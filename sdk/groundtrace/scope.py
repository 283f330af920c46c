"""Where a span is current: attach and detach in one frame, without a leak and without noise."""

from contextvars import Token
from typing import Final

# opentelemetry.instrumentation.utils holds the same test, but importing it costs what `import
# groundtrace` must not. The plain name is the one that older instrumentations set; the other
# is made at import with a random end, so its owner must be asked for it.
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY as _SUPPRESS_KEY
from opentelemetry.context import Context, attach, create_key, get_current, set_value

COVER_KEY: Final = create_key("groundtrace-covered-by")
"""Where an operation that has its span tells the clients below it that they are a part of it."""

_SUPPRESS_PLAIN_KEY = "suppress_instrumentation"


def detach_quietly(token: Token[Context]) -> None:
    """Restore the context that was current before ``token``.

    ``opentelemetry.context.detach`` logs a traceback when the frame goes on in another
    ``contextvars`` context, as a generator closed by the garbage collector does; there is nothing
    to restore there, so nothing is said.
    """
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError):
        return


def suppressed() -> bool:
    """Whether someone switched instrumentation off for the current context."""
    values = get_current()
    if _SUPPRESS_KEY in values or _SUPPRESS_PLAIN_KEY in values:
        return bool(values.get(_SUPPRESS_KEY) or values.get(_SUPPRESS_PLAIN_KEY))
    return False


def suppress_here() -> None:
    """Have instrumentations leave alone what this thread does from now on: its requests carry spans."""
    attach(set_value(_SUPPRESS_KEY, True))  # noqa: FBT003 - OpenTelemetry's signature
