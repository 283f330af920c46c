"""The commit queue: requests gather, go to disk as one segment, into the store, and only then are answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import xxhash
from google.protobuf.message import DecodeError as ProtobufError

from groundtrace_collector.commit.insertion import insert, insert_whole
from groundtrace_collector.commit.recent import RecentBodies
from groundtrace_collector.commit.segment import Segment, left_over, write_segment
from groundtrace_collector.commit.sync import sync_filesystem
from groundtrace_collector.config import CollectorConfig
from groundtrace_collector.errors import ApiError, StoreError, StoreParseError, UnavailableError
from groundtrace_collector.gate.frame import frame
from groundtrace_collector.gate.gate import CheckedRequest
from groundtrace_collector.gate.rewrite import canonicalise
from groundtrace_collector.store.driver import Driver
from groundtrace_collector.store.memory import never_fits
from groundtrace_collector.store.store import Store

logger = logging.getLogger(__name__)
T = TypeVar("T")

SYNC_EVERY_S = 10.0
DRAIN_S = 10.0
_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0
_FRAME_BYTES = 64  # more than our fields take
_MOST_GATHER_S = 0.5
_TOLD_S = 30.0  # how long a disk that took no segment is said to take none, where nothing tries it again
_LARGE = 0.25  # of what a commit holds at most: where one is as large, more follow


@dataclass(eq=False, slots=True)
class _Waiting:
    """One request on its way, and where its sender is told."""

    body: bytes
    project: str
    digest: bytes
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def size(self) -> int:
        return len(self.body) + _FRAME_BYTES


@dataclass(frozen=True, slots=True)
class _Stored:
    """A segment whose rows are in the store, but perhaps not on its disk yet."""

    segment: Segment
    digests: list[bytes]


class CommitQueue:
    """Makes requests durable, a group at a time.

    A segment is written and synced, inserted with its name as deduplication token, and its senders are
    answered. It is deleted after a later sync of the store; until then a start replays it.
    """

    def __init__(
        self,
        config: CollectorConfig,
        store: Store,
        *,
        on_commit: Callable[[int, bool], None] = lambda _seq, _more: None,
        on_stored: Callable[[int, float], None] = lambda _size, _seconds: None,
    ) -> None:
        self._config = config
        self._store = store
        self._on_commit = on_commit
        self._on_stored = on_stored
        self._node = secrets.token_hex(4)
        self._segments = config.data_dir / "segments"
        self._quarantine = config.data_dir / "quarantine"
        recent = config.data_dir / "recent"
        for folder in (self._segments, self._quarantine, recent):
            folder.mkdir(parents=True, exist_ok=True)
        self._recent = RecentBodies(recent)
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._read_bytes = 0  # of bodies that are not whole yet
        self._in_flight: dict[bytes, asyncio.Future[None]] = {}
        self._stored: list[_Stored] = []
        self._arrived = asyncio.Event()
        self._files = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit-files")
        self._syncs = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit-sync")
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = self._closed = False
        self._coming = 0
        self._gathered = asyncio.Event()
        self._gathered.set()
        self._took_s = 0.0  # by the last commit
        self._store_says = ""  # why the store does not take a segment, while it does not
        self._disk_says = ""  # why the last segment could not be written
        self._disk_said_s = 0.0
        self._in_doubt = False  # whether something went wrong since the store was last looked through
        self.ready = asyncio.Event()
        """Set once everything that an earlier process left is in the store."""

    def start(self) -> None:
        """Begin: what an earlier process left is stored first."""
        self._tasks = [
            asyncio.create_task(self._run(), name="commit"),
            asyncio.create_task(self._sync_often(), name="commit-sync"),
        ]

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the requests that are not in a segment yet."""
        return self._waiting_bytes

    @property
    def trouble(self) -> str:
        """Why nothing is stored now; '' where nothing is known to be in the way."""
        # Who sends only to a collector that is ready would never find out that the disk is well again.
        is_news = time.monotonic() - self._disk_said_s < _TOLD_S
        return self._store_says or (self._disk_says if is_news else "")

    def check_room(self, body_bytes: int, *, held: int = 0) -> None:
        """Raise UnavailableError when ``body_bytes`` more may not wait; ``held`` of the same body are read already.

        A body alone always may: one larger than all the room would be told to come again for ever.
        """
        if self._closing:
            raise UnavailableError("the collector is stopping")
        others = self._waiting_bytes + self._read_bytes - held
        if others and others + held + body_bytes > self._config.waiting_bytes:
            raise UnavailableError("too much is waiting to be stored")

    @contextlib.contextmanager
    def reading(self) -> Iterator[Callable[[int], None]]:
        """A body is being read: what is yielded counts its bytes as they come, and raises as `check_room`."""
        held = 0

        def count(size: int) -> None:
            nonlocal held
            self.check_room(size, held=held)
            held += size
            self._read_bytes += size

        try:
            yield count
        finally:
            self._read_bytes -= held

    @contextlib.contextmanager
    def coming(self) -> Iterator[None]:
        """A body is being read that will be submitted: a commit that has room may wait for it."""
        self._coming += 1
        self._look()
        try:
            yield
        finally:
            self._coming -= 1
            self._look()

    async def submit(self, request: CheckedRequest, *, project: str = "") -> None:
        """Store a request; returns when it is durable and can be read.

        A body that was stored within the last hour is not stored again. Raises UnavailableError when it
        could not be stored and may be sent again, ApiError 400 when the store cannot decode it.
        """
        if request.spans == 0:
            return
        digest = digest_of(request.body, project)
        if digest in self._recent:
            return
        if (same := self._in_flight.get(digest)) is not None:
            await self._until_same(same)
            return
        self.check_room(len(request.body))
        waiting = _Waiting(request.body, project, digest)
        self._in_flight[digest] = waiting.done
        waiting.done.add_done_callback(lambda done: self._forget(digest, done))
        self._waiting.append(waiting)
        self._waiting_bytes += waiting.size
        self._arrived.set()
        self._look()
        await self._until_done(waiting)

    def _forget(self, digest: bytes, done: asyncio.Future[None]) -> None:
        self._in_flight.pop(digest, None)
        if not done.cancelled():
            done.exception()  # looked at, also when the sender has gone

    async def _until_same(self, same: asyncio.Future[None]) -> None:
        """Wait for the answer of a body that came before, for so long: while the store is away each copy takes room."""
        if not await self._in_time(same):
            raise UnavailableError("the same request came before and is still to be stored", retry_after_s=5)
        same.result()

    async def _until_done(self, waiting: _Waiting) -> None:
        if not await self._in_time(waiting.done) and waiting in self._waiting:
            self._waiting.remove(waiting)
            self._waiting_bytes -= waiting.size
            says = self._store_says
            reason = f"the store does not take spans: {says}" if says else "the store is behind"
            waiting.done.set_exception(UnavailableError(reason, retry_after_s=5))
        # One that is in a segment will be stored, if only by the next start: its answer is worth waiting for.
        await asyncio.shield(waiting.done)

    async def _in_time(self, answer: asyncio.Future[None]) -> bool:
        """Whether a body is answered while a sender may be kept waiting."""
        await asyncio.wait([answer], timeout=self._config.wait_s)
        if not answer.done() and not self._store_says:  # it is only slow: give it as long again, twice
            await asyncio.wait([answer], timeout=2 * self._config.wait_s)
        return answer.done()

    async def _run(self) -> None:
        await self._replay()
        self.ready.set()
        while True:
            await self._arrived.wait()
            await self._gather()
            batch = self._take()
            if batch:
                await self._commit_guarded(batch)
            if not self._waiting:
                self._arrived.clear()
                if self._closing:
                    return

    async def _gather(self) -> None:
        """Wait for company, and longer while some is on its way: a commit costs much before it stores anything.

        Senders that were just answered send again at once. So it waits for the bodies that are being read, but no
        longer than half of what the last commit took; one that an outage held up tells nothing.
        """
        if self._has_room():
            await asyncio.sleep(self._config.linger_ms / 1_000)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._gathered.wait(), timeout=min(self._took_s / 2, _MOST_GATHER_S))

    def _has_room(self) -> bool:
        return self._waiting_bytes < self._config.commit_bytes and not self._closing

    def _look(self) -> None:
        """Whether there is anything to wait for."""
        if self._coming and self._has_room():
            self._gathered.clear()
        else:
            self._gathered.set()

    def _take(self) -> list[_Waiting]:
        """As much of what waits as fits one commit; one request always does."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size + self._waiting[0].size <= self._config.commit_bytes):
            waiting = self._waiting.popleft()
            self._waiting_bytes -= waiting.size
            if waiting.digest in self._recent:  # came while an earlier process's segments were being stored
                waiting.done.set_result(None)
                continue
            size += waiting.size
            batch.append(waiting)
        self._look()
        return batch

    async def _commit_guarded(self, batch: list[_Waiting]) -> None:
        try:
            await self._commit(batch)
        except Exception:  # a fault of ours may cost one batch its answer, never all that come after
            logger.exception("A commit failed")
            _fail(batch, UnavailableError("the collector failed; its log says why", retry_after_s=5))

    async def _commit(self, batch: list[_Waiting]) -> None:
        """Store a batch and answer its senders, each with success or with what went wrong."""
        began = time.perf_counter()
        try:
            segment = await self._write(batch)
        except OSError as error:
            logger.error("A segment could not be written: %s", error)
            self._disk_says = f"the disk takes no segment: {error.strerror}"
            self._disk_said_s = time.monotonic()
            self._in_doubt = True
            _fail(batch, UnavailableError(f"the collector cannot write: {error.strerror}", retry_after_s=5))
            return
        self._disk_says = ""
        try:
            await self._insert(segment)
        except StoreParseError as error:
            segment.remove()  # nothing of it was stored, and nobody was told that it was
            await self._separate(batch, error)
            return
        except Exception:
            segment.remove()  # its senders are told to come again: the next start must not store it beside that
            raise
        self._took_s = time.perf_counter() - began
        self._on_stored(sum(len(waiting.body) for waiting in batch), self._took_s)
        size = sum(waiting.size for waiting in batch)
        more_come = size + self._waiting_bytes >= self._config.commit_bytes * _LARGE
        self._remember(segment, [waiting.digest for waiting in batch], more_come=more_come)
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(None)

    async def _write(self, batch: list[_Waiting]) -> Segment:
        seq = self._store.next_seq()
        pieces = [
            piece
            for waiting in batch
            for piece in frame(waiting.body, project=waiting.project, seq=seq, digest=waiting.digest)
        ]
        return await self._in_thread(
            self._files, lambda: write_segment(self._segments, seq=seq, node=self._node, pieces=pieces)
        )

    async def _insert(self, segment: Segment, call: Callable[[Driver, Segment], None] = insert) -> None:
        """Insert a segment, however long the store takes to come back; raises StoreParseError, no other StoreError."""
        pause = _FIRST_RETRY_S
        while True:
            try:
                await self._on_store(call, segment)
            except StoreParseError:
                raise
            except StoreError as error:
                if never_fits(error):
                    raise StoreParseError(str(error), engine_code=error.engine_code) from error
                logger.warning("The store did not take segment %s, trying again: %s", segment.token, error)
                self._store_says, self._in_doubt = str(error), True
                call = insert_whole  # what failed may have left some of itself behind
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_RETRY_S)
            else:
                self._store_says = ""
                return

    async def _on_store(self, call: Callable[[Driver, Segment], None], segment: Segment) -> None:
        await self._store.ingest.run(lambda driver: call(driver, segment))

    async def _separate(self, batch: list[_Waiting], error: StoreParseError) -> None:
        """Store what can be stored of a batch that the store could not decode; the culprits are put aside."""
        if len(batch) > 1:
            half = len(batch) // 2
            await self._commit(batch[:half])
            await self._commit(batch[half:])
            return
        (culprit,) = batch
        canonical = _canonical(culprit.body)
        if canonical != culprit.body:
            culprit.body = canonical
            await self._commit(batch)
            return
        await self._put_aside(culprit, error)
        _fail(batch, ApiError(400, "undecodable", f"the store cannot decode this request: {error}"))

    async def _put_aside(self, culprit: _Waiting, error: StoreParseError) -> None:
        name = f"{self._store.next_seq():020d}.request"
        try:
            await self._in_thread(self._files, lambda: (self._quarantine / name).write_bytes(culprit.body))
        except OSError as fault:
            logger.error("A request that the store cannot decode was dropped (%s): %s", fault, error)
        else:
            logger.error("A request that the store cannot decode was put aside as %s: %s", name, error)

    def _remember(self, segment: Segment, digests: list[bytes], *, more_come: bool = False) -> None:
        self._recent.add(digests)
        self._stored.append(_Stored(segment, digests))
        self._on_commit(segment.seq, more_come)

    async def _replay(self) -> None:
        """Store what an earlier process left; what it stored already, the store's tokens tell apart."""
        segments: list[Segment] = []
        try:
            segments = await self._in_thread(self._files, lambda: list(left_over(self._segments)))
            await self._in_thread(self._files, self._recent.load)
        except OSError as error:
            logger.error("What an earlier process left cannot all be read: %s", error)
        for segment in segments:
            await self._replay_one(segment)

    async def _replay_one(self, segment: Segment) -> None:
        try:
            self._store.sequence.follow(segment.seq)
            digests = await self._in_thread(self._files, segment.digests)
            await self._insert(segment, insert_whole)
        except (StoreParseError, ValueError) as error:
            # Senders that were never answered send it again; the rest is there for a person to look at.
            logger.error("Segment %s cannot be decoded and is put aside: %s", segment.token, error)
            with contextlib.suppress(OSError):
                segment.path.rename(self._quarantine / segment.path.name)
        except OSError as error:
            logger.error("Segment %s cannot be read and stays for the next start: %s", segment.token, error)
        else:
            self._remember(segment, digests)

    async def _sync_often(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            with contextlib.suppress(OSError):
                await self._retire()

    async def _retire(self) -> None:
        """Delete the segments whose rows are on the store's disk by now."""
        stored = list(self._stored)
        if not stored:
            return
        if not await self._look_through(stored):
            return
        try:
            await self._in_thread(self._syncs, lambda: self._sync_and_delete(stored))
        except OSError as error:
            logger.error("The store could not be synced, its segments stay: %s", error)
            raise
        del self._stored[: len(stored)]

    async def _look_through(self, stored: Iterable[_Stored]) -> bool:
        """After a fault: see that what is to be forgotten can be read. The disk may have filled up under a part."""
        if not self._in_doubt:
            return True
        self._in_doubt = False
        more_come = False  # nothing that a settling should wait for
        try:
            for one in stored:
                await self._on_store(insert_whole, one.segment)
                # Its traces may have been settled while it could not be read.
                self._on_commit(one.segment.seq, more_come)
        except (StoreError, ValueError, OSError) as error:
            logger.error("What was stored cannot be looked through, its segments stay: %s", error)
            self._in_doubt = True
        return not self._in_doubt

    def _sync_and_delete(self, stored: Iterable[_Stored]) -> None:
        if self._config.embedded:
            sync_filesystem(self._config.data_dir)
        self._recent.keep(digest for one in stored for digest in one.digests)
        for one in stored:
            one.segment.remove()

    async def _in_thread(self, executor: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, call)

    async def close(self) -> None:
        """Refuse what is new, store what waits, sync, and end. What the store does not take stays on disk."""
        self._closing = True
        self._arrived.set()
        self._look()
        if self._tasks:
            await asyncio.wait(self._tasks[:1], timeout=DRAIN_S)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks = []
        # One that is in a segment is stored by the next start, which knows it when its sender comes again.
        stopping = UnavailableError("the collector is stopping")
        for done in list(self._in_flight.values()):
            if not done.done():
                done.set_exception(stopping)
        self._waiting.clear()
        if not self._closed:
            self._closed = True
            with contextlib.suppress(OSError):
                await self._retire()
            self._files.shutdown()
            self._syncs.shutdown()


def digest_of(body: bytes, project: str) -> bytes:
    """What a body is known by within a project: 16 bytes.

    Not a cryptographic hash: whoever makes two bodies collide drops a request of their own.
    """
    known = xxhash.xxh3_128(project.encode() + b"\0")
    known.update(body)
    return known.digest()


def _canonical(body: bytes) -> bytes:
    """The body as protobuf writes it, or as it is where the gate let pass what protobuf does not read."""
    try:
        return canonicalise(body)
    except ProtobufError:
        return body


def _fail(batch: Iterable[_Waiting], error: ApiError) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(error)
