"""Two encoders or retrievers where there was one: beside it, for a share of it, or in its place."""

import contextvars
import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from opentelemetry import trace
from opentelemetry.context import attach, get_value

from groundtrace import semconv
from groundtrace.attributes import AttributeValue
from groundtrace.background import Background
from groundtrace.context import with_values
from groundtrace.errors import ConfigError
from groundtrace.guard import guarded
from groundtrace.scope import detach_quietly
from groundtrace.steps.wrap import is_async, name_of

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_MAX_SHADOWS: Final = 64
_shadows: Final = Background("shadow", max_pending=_MAX_SHADOWS)
_shadow_tasks: "Final[set[asyncio.Task[Any]]]" = set()


def shadow(function: Callable[P, R], candidate: Callable[P, object]) -> Callable[P, R]:
    """Run ``candidate`` beside ``function`` on the same arguments and return ``function``'s result.

    The candidate's spans are in the same trace, marked ``groundtrace.shadow``; its result and
    its errors are ignored. Sync candidates run one after the other in a thread of their own and
    are left out while 64 wait; async ones run as tasks, at most 64 at a time. Both must be of one
    kind, sync or async. Raises ConfigError otherwise.
    """
    _one_kind("shadow", function, candidate)
    if is_async(function):

        @wraps(function)
        async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            _start_shadow_task(candidate, args, kwargs)
            return await cast("Any", function(*args, **kwargs))

        return cast("Callable[P, R]", run_async)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        _submit_shadow(candidate, args, kwargs)
        return function(*args, **kwargs)

    return run


@guarded("starting a shadow")
def _submit_shadow(candidate: Callable[..., object], args: Any, kwargs: Any) -> None:
    carried = contextvars.copy_context()
    _shadows.submit(lambda: carried.run(_shadowed, candidate, args, kwargs))


def _shadowed(candidate: Callable[..., object], args: Any, kwargs: Any) -> None:
    token = attach(with_values({semconv.SHADOW: True}))
    try:
        candidate(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - a candidate may fail in any way; its span tells how
        logger.debug("shadow %s failed: %r", name_of(candidate), error)
    finally:
        detach_quietly(token)


@guarded("starting a shadow")
def _start_shadow_task(candidate: Callable[..., Any], args: Any, kwargs: Any) -> None:
    import asyncio

    if len(_shadow_tasks) >= _MAX_SHADOWS:
        logger.debug("shadow %s left out: %d run already", name_of(candidate), _MAX_SHADOWS)
        return
    task = asyncio.get_running_loop().create_task(_shadowed_async(candidate, args, kwargs))
    _shadow_tasks.add(task)  # a task without a reference may vanish
    task.add_done_callback(_shadow_tasks.discard)


async def _shadowed_async(candidate: Callable[..., Any], args: Any, kwargs: Any) -> None:
    token = attach(with_values({semconv.SHADOW: True}))
    try:
        await candidate(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - a candidate may fail in any way; its span tells how
        logger.debug("shadow %s failed: %r", name_of(candidate), error)
    finally:
        detach_quietly(token)


def split(
    routes: Mapping[str, Callable[P, R]],
    *,
    shares: Mapping[str, float],
    key: Callable[P, str] | None = None,
) -> Callable[P, R]:
    """Send each call down one of ``routes``, always the same one for the same key.

    ``shares`` are the routes' parts, such as ``{"v1": 0.9, "v2": 0.1}``; they are taken relative to
    their sum. ``key`` is computed from the call's arguments; without it the request's session,
    else its user, else the first argument's text decides. The spans inside and the current one
    carry ``groundtrace.route``. Raises ConfigError for routes without a share and the like.
    """
    _check_shares(routes, shares)
    _one_kind("split", *routes.values())
    first = next(iter(routes.values()))

    def route_of(args: Any, kwargs: Any) -> str:
        with guarded("computing a route's key"):
            if key is not None:
                return chosen_route(str(key(*args, **kwargs)), shares)
        return chosen_route(_default_key(args, kwargs), shares)

    if is_async(first):

        @wraps(first)
        async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            route = route_of(args, kwargs)
            token = _marked({semconv.ROUTE: route})
            try:
                return await cast("Any", routes[route](*args, **kwargs))
            finally:
                detach_quietly(token)

        return cast("Callable[P, R]", run_async)

    @wraps(first)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        route = route_of(args, kwargs)
        token = _marked({semconv.ROUTE: route})
        try:
            return routes[route](*args, **kwargs)
        finally:
            detach_quietly(token)

    return run


def chosen_route(key: str, shares: Mapping[str, float]) -> str:
    """Return the route of ``key``: the same for ever, spread over keys as ``shares`` say.

    >>> chosen_route("user-1", {"v1": 1.0, "v2": 0.0})
    'v1'
    """
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    point = int.from_bytes(digest, "big") / 2**64 * sum(shares.values())
    for route, share in shares.items():
        point -= share
        if point < 0:
            return route
    return max(shares, key=lambda route: shares[route])


def _default_key(args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    for name in (semconv.SESSION_ID, semconv.USER_ID):
        value = get_value(name)
        if value is not None:
            return str(value)
    given = args or tuple(kwargs.values())
    texts = [value for value in given if isinstance(value, str)]
    return texts[0] if texts else repr(given)


def _check_shares(routes: Mapping[str, object], shares: Mapping[str, float]) -> None:
    if not routes or set(routes) != set(shares):
        raise ConfigError(f"split: shares must name the routes {sorted(routes)}, got {sorted(shares)}")
    if min(shares.values()) < 0 or sum(shares.values()) <= 0:
        raise ConfigError(f"split: shares must be at least 0 and not all 0, got {dict(shares)}")


def fallback(function: Callable[P, R], *others: Callable[P, R]) -> Callable[P, R]:
    """Try ``others`` in turn when ``function`` raises or finds nothing (None, or of length 0).

    Spans of the tries after the first, and the current one, carry ``groundtrace.fallback``. When
    all raise, the last error is raised; when the last finds nothing, that nothing is returned.
    Raises ConfigError without others, or for a mix of sync and async.
    """
    if not others:
        raise ConfigError("fallback needs a second function to fall back to")
    _one_kind("fallback", function, *others)
    tries = (function, *others)
    if is_async(function):

        @wraps(function)
        async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            return await _first_good_async(tries, args, kwargs)

        return cast("Callable[P, R]", run_async)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return cast("R", _first_good(tries, args, kwargs))

    return run


def _first_good(tries: tuple[Callable[..., object], ...], args: Any, kwargs: Any) -> object:
    for index, attempt in enumerate(tries[:-1]):
        token = _marked_try(index)
        try:
            result = attempt(*args, **kwargs)
            if not _is_empty(result):
                return result
        except Exception as error:  # noqa: BLE001 - the next one is tried; the span tells the error
            logger.debug("%s failed, falling back: %r", name_of(attempt), error)
        finally:
            detach_quietly(token)
    token = _marked_try(len(tries) - 1)
    try:
        return tries[-1](*args, **kwargs)
    finally:
        detach_quietly(token)


async def _first_good_async(tries: tuple[Callable[..., Any], ...], args: Any, kwargs: Any) -> object:
    for index, attempt in enumerate(tries[:-1]):
        token = _marked_try(index)
        try:
            result = await attempt(*args, **kwargs)
            if not _is_empty(result):
                return cast("object", result)
        except Exception as error:  # noqa: BLE001 - the next one is tried; the span tells the error
            logger.debug("%s failed, falling back: %r", name_of(attempt), error)
        finally:
            detach_quietly(token)
    token = _marked_try(len(tries) - 1)
    try:
        return cast("object", await tries[-1](*args, **kwargs))
    finally:
        detach_quietly(token)


def _marked_try(index: int) -> Any:
    return _marked({semconv.FALLBACK: True} if index else {})


def _is_empty(result: object) -> bool:
    if result is None:
        return True
    try:
        return len(result) == 0  # type: ignore[arg-type]
    except TypeError:
        return False


def _marked(values: Mapping[str, AttributeValue]) -> Any:
    """Attach ``values`` for the spans inside, set them on the current span; return the token."""
    trace.get_current_span().set_attributes(values)
    return attach(with_values(values))


def _one_kind(what: str, *functions: Callable[..., object]) -> None:
    if len({is_async(function) for function in functions}) > 1:
        names = ", ".join(name_of(function) for function in functions)
        raise ConfigError(f"{what}: {names} must be all sync or all async")
