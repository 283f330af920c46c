"""Who asks. Every handler that answers with data takes a `Caller`, and reaches what the caller reaches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from groundtrace_collector.access.key import Role
from groundtrace_collector.access.policy import needed_role
from groundtrace_collector.errors import ApiError

STATE_KEY: Final = "caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: ``project`` is the only one that it reaches, None for every project; ``name`` is the key's."""

    name: str
    role: Role
    project: str | None

    def project_of(self, asked: str | None) -> str | None:
        """The project of a request that may name one itself.

        Raises ApiError 403 when a bound caller names another project than its own.
        """
        if self.project is None or asked in {None, self.project}:
            return asked if self.project is None else self.project
        raise ApiError(403, "other_project", f"this key reaches project {self.project!r} only, not {asked!r}")


ANYONE: Final = Caller(name="", role=Role.ADMIN, project=None)
"""Whoever reaches a server that has no keys: only this machine does."""


# A coroutine: FastAPI would run a plain function on a thread, for nothing.
async def caller_of(connection: HTTPConnection) -> Caller:
    """The caller that the gatekeeper found for a request; raises KeyError where no gatekeeper looked."""
    return cast("Caller", connection.scope["state"][STATE_KEY])


Called = Annotated[Caller, Depends(caller_of)]
"""The parameter by which a handler gets its caller."""


def check_routes(routes: Iterable[BaseRoute]) -> None:
    """Raise RuntimeError for a route that is not open to all and whose handler does not take its caller.

    So that a new endpoint cannot forget that a key may be bound to a project.
    """
    for route in routes:
        if not isinstance(route, APIRoute):
            continue
        closed = any(needed_role(method, route.path) is not None for method in route.methods or ())
        if closed and not _takes_caller(route.dependant):
            raise RuntimeError(f"{route.path}: {route.name} does not take its caller (access/caller.py)")


def _takes_caller(dependant: Dependant) -> bool:
    return dependant.call is caller_of or any(_takes_caller(each) for each in dependant.dependencies)
