"""Patching a library when the app imports it, and never importing it for the app."""

import threading
from collections.abc import Callable
from types import ModuleType

from wrapt import register_post_import_hook

from groundtrace.guard import guarded
from groundtrace_integrations.patches import Patches

_lock = threading.RLock()


def when_imported(patches: Patches, name: str, patch: Callable[[ModuleType], None]) -> None:
    """Run ``patch`` on the module ``name``: now if it is imported already, else as soon as it is.

    Nothing runs once ``patches`` were undone. A fault in ``patch`` is kept from the app's import.
    """

    @guarded(f"patching {name}")
    def arrived(module: ModuleType) -> None:
        with _lock:  # against an undo on another thread, halfway through
            if not patches.undone:
                patch(module)

    register_post_import_hook(arrived, name)
