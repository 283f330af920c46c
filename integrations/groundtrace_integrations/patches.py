"""Patches of a library's classes and modules, all of which can be taken back."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from groundtrace.guard import guarded

Method = Callable[..., Any]
Wrap = Callable[[Method], Method]
"""Given a function of the library, the function that goes in its place."""

_MARK = "__groundtrace_wraps__"


class Patches:
    """What was replaced, and by what.

    ``undo()`` restores it, last first. Where somebody wrapped our wrapper afterwards, the wrapper
    stays under theirs: wrappers must do nothing but call on once their instrumentor is off.
    """

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Method, Any]] = []
        self._hooks: list[Callable[[], None]] = []
        self.undone = False

    def method(self, owner: type, name: str, wrap: Wrap) -> None:
        """Replace a plain function in ``owner``'s own namespace; leave it alone when it has none."""
        original = vars(owner).get(name)
        if (
            inspect.isfunction(original)
            and not _is_wrapped(original)
            and not getattr(original, "__isabstractmethod__", False)
        ):
            self._replace(owner, name, original, wrap)

    def function(self, owner: Any, name: str, holders: Callable[[], Iterable[Any]], wrap: Wrap) -> None:
        """Replace the function ``name`` of the module ``owner``, also where it was imported from there.

        ``holders`` tells the modules that may hold it by that name: those that do now, and, when it
        is taken back, those that came to hold ours meanwhile.
        """
        original = vars(owner).get(name)
        if not inspect.isfunction(original) or _is_wrapped(original):
            return
        ours = wrap(original)
        setattr(ours, _MARK, self)
        _exchange(owner, holders, name, original, ours)
        self._hooks.append(lambda: _exchange(owner, holders, name, ours, original))

    def subclasses(self, base: type, wraps: dict[str, Wrap]) -> None:
        """Replace methods in every concrete subclass of ``base``: those there are and those to come."""

        @guarded("wrapping a class's methods")
        def patch(cls: type) -> None:
            for name, wrap in wraps.items():
                self.method(cls, name, wrap)

        for cls in _subclasses(base):
            patch(cls)
        self._on_subclass(base, patch)

    def hook(self, undo: Callable[[], None]) -> None:
        """Remember something else to take back."""
        self._hooks.append(undo)

    def undo(self) -> None:
        """Take everything back; what is hooked to later imports will do nothing."""
        self.undone = True
        for owner, name, ours, original in reversed(self._replaced):
            if vars(owner).get(name) is ours:
                setattr(owner, name, original)
        for take_back in reversed(self._hooks):
            take_back()
        self._replaced.clear()
        self._hooks.clear()

    def _replace(self, owner: Any, name: str, original: Method, wrap: Wrap) -> None:
        ours = wrap(original)
        setattr(ours, _MARK, self)
        setattr(owner, name, ours)
        self._replaced.append((owner, name, ours, original))

    def _on_subclass(self, base: type, patch: Callable[[type], None]) -> None:
        owner: Any = base  # mypy lets nobody assign to a class's methods
        before = vars(base).get("__init_subclass__")

        @functools.wraps(owner.__init_subclass__)
        def init_subclass(cls: Any, /, **kwargs: Any) -> None:
            if before is None:
                super(owner, cls).__init_subclass__(**kwargs)
            else:
                before.__get__(None, cls)(**kwargs)
            patch(cls)

        ours: Any = classmethod(init_subclass)
        owner.__init_subclass__ = ours

        def take_back() -> None:
            if vars(base).get("__init_subclass__") is not ours:
                return
            if before is None:
                del owner.__init_subclass__
            else:
                owner.__init_subclass__ = before

        self._hooks.append(take_back)


def _is_wrapped(function: Method) -> bool:
    # A wrapper of ours that was taken back can come back: another instrumentor that was switched on
    # over it puts it where it found it. It only calls on, and counts for nothing.
    patches = getattr(function, _MARK, None)
    return patches is not None and not patches.undone


def _exchange(owner: Any, holders: Callable[[], Iterable[Any]], name: str, old: Method, new: Method) -> None:
    for module in [owner, *holders()]:
        if vars(module).get(name) is old:
            setattr(module, name, new)


def _subclasses(base: type) -> Iterator[type]:
    """Yield ``base``'s subclasses, at any depth, each once."""
    seen: set[type] = set()
    waiting: list[type] = list(base.__subclasses__())
    while waiting:
        cls = waiting.pop()
        if cls not in seen:
            seen.add(cls)
            waiting.extend(cls.__subclasses__())
            yield cls
