"""Small jobs beside the app: bounded, in order, in one daemon thread."""

import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

Job = Callable[[], object]

DEFAULT_MAX_PENDING: Final = 1_000


class Background:
    """Runs jobs one after the other; ``submit`` never blocks and a job's fault is only logged.

    The thread starts with the first job. After a fork the child begins with an empty queue and a
    thread of its own; what waited belongs to the parent.
    """

    def __init__(self, name: str, *, max_pending: int = DEFAULT_MAX_PENDING) -> None:
        self._name = name
        self._max_pending = max_pending
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._jobs: queue.Queue[Job] = queue.Queue(self._max_pending)
        self._thread: threading.Thread | None = None
        self._full_logged = False

    def submit(self, job: Job) -> bool:
        """Queue ``job``; False when the queue is full and the job was dropped."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            if not self._full_logged:
                self._full_logged = True
                logger.warning("%s: more than %d jobs wait; dropping", self._name, self._max_pending)
            return False
        self._ensure_thread()
        return True

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._work, args=(self._jobs,), name=f"groundtrace-{self._name}", daemon=True
                )
                self._thread.start()

    def _work(self, jobs: "queue.Queue[Job]") -> None:
        while True:
            job = jobs.get()
            try:
                job()
            except Exception:
                logger.exception("%s: a job failed", self._name)
            finally:
                jobs.task_done()

    def drain(self, timeout_s: float) -> bool:
        """Wait until every job is done; False when ``timeout_s`` passed first."""
        jobs = self._jobs
        with jobs.all_tasks_done:
            return jobs.all_tasks_done.wait_for(lambda: not jobs.unfinished_tasks, timeout_s)
