"""Every place of a generated client that is hooked, in one list."""

from types import ModuleType

from groundtrace_integrations.calls import CallTracer
from groundtrace_integrations.patches import Patches
from groundtrace_integrations.stainless import attempts, raw, requesting, streams
from groundtrace_integrations.stainless.reading import Dialect


def patch_client(
    patches: Patches,
    tracer: CallTracer,
    dialect: Dialect,
    kinds: requesting.ResultKinds,
    client: type,
    async_client: type,
) -> None:
    """Hook the one method through which all requests go, and all that an answer can be read by."""
    patches.method(_owner(client, "request"), "request", requesting.around_request(tracer, dialect, kinds))
    patches.method(
        _owner(async_client, "request"), "request", requesting.around_async_request(tracer, dialect, kinds)
    )
    patches.method(_owner(client, "_build_request"), "_build_request", attempts.counting)
    for stream in kinds.stream:
        patches.method(stream, "close", streams.closing_stream)
    for response in (*kinds.read, *kinds.unread):
        patches.method(response, "parse", raw.parsing(kinds))
        patches.method(response, "close", raw.closing)


def classes_in(package: ModuleType, module: str, *names: str) -> tuple[type, ...]:
    """Return the classes of ``package.module`` that this version of the client has."""
    found = [getattr(getattr(package, module, None), name, None) for name in names]
    return tuple(cls for cls in found if isinstance(cls, type))


def _owner(cls: type, name: str) -> type:
    """Return the class that ``cls`` has this method from."""
    return next(owner for owner in cls.__mro__ if name in vars(owner))
