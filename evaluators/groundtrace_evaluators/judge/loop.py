"""One event loop in a thread of its own, on which every judge's calls are made.

So that ``evaluate`` works with or without a loop of the caller's, a call can be given up at its deadline
whatever the endpoint does, and what the judges keep (caches, breakers, calls under way) needs no locks.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_STOP_S: Final = 2.0


class LoopThread:
    """Starts its loop when first asked, and again in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.stop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result; the calling thread waits, and an interrupt of it cancels the coroutine."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._started())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop; the next ``run`` starts another."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_STOP_S)
            if not thread.is_alive():
                loop.close()

    def _reset(self) -> None:
        self._lock, self._loop, self._thread = threading.Lock(), None, None

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="groundtrace-judge", daemon=True
                )
                self._thread.start()
            return self._loop


LOOP: Final = LoopThread()
