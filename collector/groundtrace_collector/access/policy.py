"""What a request needs before it is answered, told by its method and path. Pure.

Whatever is not named here is a read where the method only reads, and else for admins: a new route is closed
until it is opened here.
"""

from __future__ import annotations

from typing import Final

from groundtrace_collector.access.key import Role

LOGIN_PATH: Final = "/login"
LOGOUT_PATH: Final = "/logout"
INGEST_START: Final = "/v1/"
API_START: Final = "/api/"
KEYS_PATH: Final = "/api/v1/keys"
METRICS_PATH: Final = "/metrics"

_OPEN: Final = frozenset({"/healthz", "/readyz", "/favicon.ico", LOGIN_PATH, LOGOUT_PATH})
_OPEN_START: Final = "/static/"
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SENT: Final = frozenset({"/api/v1/scores", "/api/v1/feedback"})
_ASKED: Final = frozenset({"/api/v1/sql", "/sql"})
_PROGRAMS: Final = (API_START, INGEST_START)


def needed_role(method: str, path: str) -> Role | None:
    """The role that a request needs; None where it needs no key at all."""
    if path in _OPEN or path.startswith(_OPEN_START):
        return None
    if path.startswith(INGEST_START):
        return Role.INGEST
    if is_of_all_projects(path) and path != METRICS_PATH:
        return Role.ADMIN
    if method in _READING or path in _ASKED:
        return Role.READ
    # An app that sends spans also says what its users thought of them.
    return Role.INGEST if path in _SENT else Role.ADMIN


def is_of_all_projects(path: str) -> bool:
    """Whether what is behind ``path`` belongs to no single project, so that no bound key may have it."""
    return path in {METRICS_PATH, KEYS_PATH} or path.startswith(f"{KEYS_PATH}/")


def is_page(path: str) -> bool:
    """Whether a person looks at ``path``: who has no key there is asked for one."""
    return not path.startswith(_PROGRAMS) and path not in {METRICS_PATH, "/openapi.json"}


def may(role: Role, needed: Role) -> bool:
    """Whether a role is enough; roles hold nothing of each other, save that an admin may do everything."""
    return role is Role.ADMIN or role is needed
