"""The collector's errors.

GroundtraceError                the SDK's root
├── ConfigError                 a setting is wrong; raised at start
├── MissingExtraError           an optional library is not installed
├── DecodeError                 the bytes are not OTLP
└── CollectorError              this module's root
    ├── ApiError                an HTTP answer other than success, in the API's error shape
    │   ├── TooLargeError       413
    │   ├── TooManyError        429 with Retry-After
    │   └── UnavailableError    503 with Retry-After
    ├── StoreError              the store refused a statement
    │   ├── StoreParseError     the store could not decode the bytes of an insert
    │   └── StoreDownError      the store cannot be reached or has no room
    │       └── StoreLimitError one question needs more memory than it may have
    └── StoreOwnedError         another process owns the store
"""

from __future__ import annotations

from groundtrace.errors import ConfigError, DecodeError, GroundtraceError, MissingExtraError

__all__ = [
    "ApiError",
    "CollectorError",
    "ConfigError",
    "DecodeError",
    "GroundtraceError",
    "MissingExtraError",
    "StoreDownError",
    "StoreError",
    "StoreLimitError",
    "StoreOwnedError",
    "StoreParseError",
    "TooLargeError",
    "TooManyError",
    "UnavailableError",
]


class CollectorError(GroundtraceError):
    """Something that the collector expects to go wrong, said in one line."""


class ApiError(CollectorError):
    """A request that is answered with an error: HTTP status, a code for machines, a message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class TooLargeError(ApiError):
    """A request that is larger than the collector takes."""

    def __init__(self, message: str) -> None:
        super().__init__(413, "too_large", message)


class TooManyError(ApiError):
    """One request too many at once, which may be sent again after ``retry_after_s`` seconds."""

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(429, "too_many", message)
        self.retry_after_s = retry_after_s


class UnavailableError(ApiError):
    """A request that may be sent again after ``retry_after_s`` seconds."""

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(503, "unavailable", message)
        self.retry_after_s = retry_after_s


class StoreError(CollectorError):
    """A statement that the store refused; ``engine_code`` is ClickHouse's number, None where it gave none."""

    def __init__(self, message: str, *, engine_code: int | None = None) -> None:
        super().__init__(message)
        self.engine_code = engine_code


class StoreParseError(StoreError):
    """Bytes of an insert that the store could not decode: sending them again cannot help."""


class StoreDownError(StoreError):
    """The store cannot be reached, or has no room: the same bytes may pass later."""


class StoreLimitError(StoreDownError):
    """A question that needs more memory than one may have: a narrower one passes."""

    def __init__(self, *, engine_code: int | None = None) -> None:
        super().__init__(
            "the question needs more memory than one may have: narrow the time or the expression",
            engine_code=engine_code,
        )


class StoreOwnedError(CollectorError):
    """Another process owns the embedded store."""
