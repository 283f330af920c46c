"""Which model an encoder or reranker object runs, as far as its attributes say."""

import functools
from collections.abc import Mapping
from typing import Any, Final

_NAME_KEYS: Final = ("model_name", "model", "model_id", "deployment_name", "deployment", "repo_id")
_VERSION_KEYS: Final = ("model_version", "version", "model_revision", "revision")
_INNER_KEYS: Final = ("model", "client", "_client")


def model_name(instance: object) -> str | None:
    """Return the model's name, from the object or from the model object that it holds."""
    return _text(instance, _NAME_KEYS) or _inner(instance, _NAME_KEYS)


def model_version(instance: object) -> str | None:
    """Return the model's version or revision; None when the object does not say."""
    version = _text(instance, _VERSION_KEYS)
    if version is None:
        options = _get(instance, "model_kwargs")
        if isinstance(options, Mapping) and isinstance(options.get("revision"), str):
            version = options["revision"]
    return version or _inner(instance, _VERSION_KEYS)


def whole(instance: object, *names: str) -> int | None:
    """Return the first of these attributes that is a whole number."""
    for name in names:
        value = _get(instance, name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def _inner(instance: object, keys: tuple[str, ...]) -> str | None:
    for name in _INNER_KEYS:
        held = _get(instance, name)
        if held is not None and not isinstance(held, str | int | float | bool):
            found = _text(held, keys)
            if found is not None:
                return found
    return None


def _text(instance: object, names: tuple[str, ...]) -> str | None:
    for name in names:
        value = _get(instance, name)
        if isinstance(value, str) and value:
            return value
        if name in _VERSION_KEYS and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


# Classes are asked the same again at each call, and to say no costs them an exception.
@functools.lru_cache(maxsize=1_024)
def _on_class(cls: type, name: str) -> bool:
    return hasattr(cls, name)


def _get(instance: object, name: str) -> Any:
    """Return an attribute that is plainly there: a foreign ``__getattr__`` is slow, or answers anything."""
    if name not in getattr(instance, "__dict__", ()) and not _on_class(type(instance), name):  # type: ignore[arg-type] # a class has its hash
        return None
    try:
        return getattr(instance, name, None)
    except Exception:  # noqa: BLE001 - a foreign property may raise anything
        return None
