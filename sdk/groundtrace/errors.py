"""What groundtrace raises.

GroundtraceError
├── ConfigError          a setting is wrong; raised at start
├── MissingExtraError    an optional library is not installed
├── DecodeError          the bytes are not OTLP
├── ExportError          the collector refused or could not be reached
└── ApiError             the collector answered a request with an error
"""


class GroundtraceError(Exception):
    """Anything groundtrace raises on purpose."""


class ConfigError(GroundtraceError):
    """A setting is wrong."""


class MissingExtraError(GroundtraceError):
    """An optional library is not installed.

    >>> str(MissingExtraError(library="langchain-core", extra="langchain"))
    "langchain-core is not installed. Run: pip install 'groundtrace[langchain]'"
    """

    def __init__(self, *, library: str, extra: str | None) -> None:
        """``extra`` is None for a library that no extra of groundtrace brings."""
        target = f"'groundtrace[{extra}]'" if extra else library
        super().__init__(f"{library} is not installed. Run: pip install {target}")
        self.library = library
        self.extra = extra


class DecodeError(GroundtraceError):
    """The bytes are not what they should be."""


class ExportError(GroundtraceError):
    """The collector refused what was sent, or could not be reached."""


class ApiError(GroundtraceError):
    """The collector answered with an error: HTTP ``status``, its ``code`` and ``message``."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message} ({code}, HTTP {status})")
        self.status = status
        self.code = code
        self.message = message
