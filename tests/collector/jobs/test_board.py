"""Queues and leases, without a store or a clock."""

import itertools
from collections.abc import Iterable

import pytest

from groundtrace_collector.jobs.board import ALONE_AFTER, GIVEN_UP_AFTER, Board, Lease, Task

VERSIONS = {"groundedness": "1"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    numbers = itertools.count(1)
    return Board(clock=clock, new_id=lambda: f"lease-{next(numbers)}", lease_s=30.0)


def task(number: int, *, evaluator: str = "groundedness", job: str = "") -> Task:
    return Task(project="p", trace_id=f"t{number}", input_hash=1, evaluator=evaluator, version="1", job=job)


def take(board: Board, limit: int = 100, *, source: str | None = None) -> Lease:
    lease = board.take(limit, versions=VERSIONS, source=source)
    assert lease is not None
    return lease


def names(tasks: Iterable[Task]) -> list[str]:
    return [each.trace_id for each in tasks]


def test_a_task_is_handed_to_one_worker_only(board: Board) -> None:
    board.offer("job", [task(1), task(2), task(3)])

    first, second = take(board, 2), take(board, 2)

    assert names(first.tasks) == ["t1", "t2"]
    assert names(second.tasks) == ["t3"]
    assert board.take(2, versions=VERSIONS) is None


def test_a_leased_task_that_is_offered_again_is_not_queued_again(board: Board) -> None:
    board.offer("job", [task(1)])
    take(board)

    board.offer("job", [task(1)])

    assert board.take(2, versions=VERSIONS) is None


def test_a_task_in_two_queues_is_done_for_both(board: Board) -> None:
    board.offer("job", [task(1, job="job")])
    board.offer("run", [task(1), task(2)])

    lease = take(board, source="job")
    done = board.finish(lease.tasks)

    assert done == {task(1): frozenset({"job", "run"})}
    assert names(take(board).tasks) == ["t2"]


def test_a_run_counts_a_task_that_a_job_had_leased_before(board: Board) -> None:
    board.offer("job", [task(1)])
    lease = take(board)
    board.offer("run", [task(1)])

    assert board.open("run") == 1
    assert board.finish(lease.tasks) == {task(1): frozenset({"job", "run"})}
    assert board.open("run") == 0


def test_only_evaluators_that_the_worker_has_in_this_version_are_handed_out(board: Board) -> None:
    board.offer("job", [task(1, evaluator="judge"), task(2)])

    assert names(take(board).tasks) == ["t2"]
    assert board.take(5, versions={"judge": "2"}) is None
    assert board.take(5, versions={"judge": "1"}) is not None


def test_a_lease_runs_out_when_its_worker_is_silent_and_not_before(board: Board, clock: Clock) -> None:
    board.offer("job", [task(1)])
    lease = take(board)

    clock.now = 29.0
    assert board.expire() == []
    assert board.renew(lease.lease_id) is lease
    clock.now = 58.0
    assert board.expire() == []
    assert board.take(1, versions=VERSIONS) is None
    clock.now = 59.0
    assert board.expire() == []

    assert names(take(board).tasks) == ["t1"]
    assert board.renew(lease.lease_id) is None


def test_what_a_worker_gives_back_comes_first_and_what_it_lost_comes_last(board: Board, clock: Clock) -> None:
    board.offer("job", [task(1), task(2), task(3)])
    board.release(take(board, 1).lease_id)
    lost = take(board, 1)
    assert names(lost.tasks) == ["t1"]

    clock.now = 31.0
    board.expire()

    assert names(take(board).tasks) == ["t2", "t3", "t1"]


def test_partly_finished_leases_give_back_only_the_rest(board: Board, clock: Clock) -> None:
    board.offer("job", [task(1), task(2)])
    board.finish([next(iter(take(board).tasks))])

    clock.now = 31.0
    board.expire()

    assert names(take(board).tasks) == ["t2"]


def test_a_task_that_workers_do_not_survive_is_tried_alone_and_then_given_up(
    board: Board, clock: Clock
) -> None:
    board.offer("job", [task(1), task(2)])
    for _ in range(ALONE_AFTER):
        assert names(take(board).tasks) == ["t1", "t2"]
        clock.now += 31.0
        assert board.expire() == []

    given_up: list[Task] = []
    while not given_up:
        lease = take(board)
        assert len(lease.tasks) == 1
        if task(2) in lease.tasks:
            board.finish(lease.tasks)  # the innocent one
            continue
        clock.now += 31.0
        given_up = board.expire()

    assert names(given_up) == ["t1"]
    assert clock.now == pytest.approx(31.0 * GIVEN_UP_AFTER)


def test_sources_take_turns_so_that_a_backfill_holds_no_job_back(board: Board) -> None:
    board.offer("backfill", [task(number) for number in range(100)])
    board.offer("job", [task(1000)])

    assert names(take(board, 10).tasks)[0] == "t0"
    assert names(take(board, 10).tasks)[0] == "t1000"


def test_a_dropped_source_leaves_nothing_behind(board: Board, clock: Clock) -> None:
    board.offer("job", [task(1), task(2)])
    take(board, 1)

    board.drop("job")
    clock.now = 31.0
    board.expire()

    assert board.take(5, versions=VERSIONS) is None


def test_the_first_expiry_says_how_long_an_idle_worker_may_sleep(board: Board, clock: Clock) -> None:
    assert board.next_expiry_s() is None
    board.offer("job", [task(1), task(2)])
    take(board, 1)
    clock.now = 10.0
    take(board, 1)

    assert board.next_expiry_s() == pytest.approx(20.0)
