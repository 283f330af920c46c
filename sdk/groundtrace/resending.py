"""What could not be delivered goes to the spool, and from there to the collector once it answers."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from groundtrace.guard import guarded
from groundtrace.scope import suppress_here
from groundtrace.spool import Batch, Spool

logger = logging.getLogger(__name__)

_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 15.0
# A collector stores what comes at once together, so several at a time cost it little more than one.
_AT_ONCE: Final = 4
# How often to look whether the process that sends is done.
_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt; ``retry_after_s`` is the collector's own wish."""

    result: Literal["delivered", "refused", "retry"]
    reason: str = ""
    retry_after_s: float = 0.0


Send = Callable[[Batch], Outcome]


class Resender:
    """Keeps batches while the collector is away and sends them, in order, when it is back.

    ``keep`` only writes a file; a daemon thread, which lives as long as something waits, does the
    rest: the oldest four at a time, one while the collector is away. One of these belongs to one
    process: after a fork the child makes its own.
    """

    def __init__(self, spool: Spool, build: Callable[[], Send], endpoint: str) -> None:
        """``build`` makes what sends one batch at a time; it is called in the sending thread."""
        self._spool = spool
        self._build = build
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self.behind = False
        self._away = False
        self._told = False
        self._stopped = False
        self._failures = 0
        self._delivered = self._refused = self._dropped = 0

    @property
    def waiting(self) -> bool:
        """Whether a batch goes to the disk at once: older ones wait, or the queue behind it fills up."""
        return self._away or self.behind

    def keep(self, body: bytes, encoding: str | None, outage: str | None) -> None:
        """Put one batch on disk; ``outage`` says why it could not be sent, where that was tried.

        Raises OSError when it cannot be written.
        """
        with self._lock:
            dropped = self._spool.put(body, encoding)
            self._away = True
            full, self._dropped = dropped and not self._dropped, self._dropped + dropped
            self._ensure_thread()
        if outage is not None:
            self._tell(outage)
        if full:
            logger.warning(
                "the spool %s is full; the oldest spans are dropped (GROUNDTRACE_SPOOL_MB and _HOURS set the limits)",
                self._spool.folder,
            )

    def _tell(self, outage: str) -> None:
        if not self._told:
            self._told = True
            logger.warning(
                "no spans reach the collector at %s (%s); they wait in %s until it answers (logged once per outage)",
                self._endpoint,
                outage,
                self._spool.folder,
            )

    def resume(self) -> None:
        """Begin to send what an earlier process left behind, if it left anything."""
        with self._lock:
            self._dropped += self._spool.sweep()
            if self._spool.waiting():
                self._away = True
                self._ensure_thread()

    def hold(self) -> None:
        """Attempt no more: from now on everything goes to the disk."""
        self._away = True

    def drain(self, timeout_s: float) -> bool:
        """Send now what waits; False when the collector is still away or ``timeout_s`` passed first."""
        deadline = time.monotonic() + timeout_s
        failures = self._failures
        while self._spool.waiting() or self._away:
            with self._lock:
                running = self._ensure_thread()
            if not running or self._failures > failures or time.monotonic() >= deadline:
                return False
            self._wake.set()
            time.sleep(0.02)
        return True

    def stop(self) -> None:
        """End the thread after the batch that it is sending; what waits stays for the next process."""
        self._stopped = True
        self._wake.set()

    def _ensure_thread(self) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return True
        if self._stopped:
            return False
        thread = threading.Thread(target=self._work, name="groundtrace-spool", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # too late in the interpreter's life for a new thread
            return False
        self._thread = thread
        return True

    @guarded("sending what the spool holds")
    def _work(self) -> None:
        senders = [self._build() for _ in range(_AT_ONCE)]
        wait_s = 0.0
        while not self._stopped and not self._done():
            wait_s = self._attempt(senders, wait_s)
            self._wake.wait(wait_s)
            self._wake.clear()

    def _attempt(self, senders: Sequence[Send], waited_s: float) -> float:
        """Send what waits, up to the first failure; return how long to wait before the next attempt."""
        with self._spool.claim() as ours:
            if not ours:
                return _LOOK_S
            failed = self._send_all(senders)
        if failed is None:
            return 0.0
        self._tell(failed.reason)
        self._failures += 1
        wait_s = min(max(2 * waited_s, _FIRST_WAIT_S), _LONGEST_WAIT_S)
        # Workers that lost the collector together come back apart.
        return max(wait_s * random.uniform(0.8, 1.2), failed.retry_after_s)  # noqa: S311 - no secret

    def _send_all(self, senders: Sequence[Send]) -> Outcome | None:
        paths = self._spool.waiting()
        at_once, failed = 1, None  # the first one shows whether the collector is back
        while paths and failed is None and not self._stopped:
            batches = [batch for path in paths[:at_once] if (batch := self._spool.read(path)) is not None]
            del paths[:at_once]
            at_once = len(senders)
            for batch, outcome in zip(batches, _sent(senders, batches), strict=True):
                if outcome.result == "retry":
                    failed = failed or outcome
                else:
                    self._spool.remove(batch)
                    self._count(outcome)
        return failed

    def _count(self, outcome: Outcome) -> None:
        if outcome.result == "delivered":
            self._delivered += 1
            return
        if not self._refused:
            logger.warning(
                "the collector at %s refuses spans of the spool (%s); they are dropped (logged once per outage)",
                self._endpoint,
                outcome.reason,
            )
        self._refused += 1

    def _done(self) -> bool:
        """Whether nothing waits; then the outage is over."""
        with self._lock:
            if self._spool.waiting():
                return False
            log = logger.info if self._told else logger.debug
            log(
                "collector at %s answers again; batches delivered late: %d, refused: %d, dropped: %d",
                self._endpoint,
                self._delivered,
                self._refused,
                self._dropped,
            )
            self._delivered = self._refused = self._dropped = 0
            # Last: who waits for it, as drain() does, finds all of the above done.
            self._told, self._away, self._thread = False, False, None
            return True


def _sent(senders: Sequence[Send], batches: Sequence[Batch]) -> list[Outcome]:
    """Send each batch by a sender of its own, all at once."""
    outcomes = [Outcome(result="retry", reason="it could not be sent")] * len(batches)

    def send(place: int) -> None:
        suppress_here()
        outcomes[place] = senders[place](batches[place])

    threads = [
        # Daemons: a collector that hangs does not hold up the app's exit.
        threading.Thread(target=send, args=(place,), name="groundtrace-spool", daemon=True)
        for place in range(1, len(batches))
    ]
    for thread in threads:
        thread.start()
    if batches:
        outcomes[0] = senders[0](batches[0])
    for thread in threads:
        thread.join()
    return outcomes
