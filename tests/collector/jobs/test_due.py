"""When a trace is due, and that each is decided once, on a real store with a clock that tests move."""

import pytest

from groundtrace_collector.jobs.selection import NO_ROOT_WAIT_S, REREAD_US, ROOT_WAIT_S
from groundtrace_evaluators.score import Status
from tests.collector.jobs.conftest import Office
from tests.collector.jobs.stored import Clock, Traces


async def test_a_new_store_has_no_jobs_and_a_worker_is_told_to_wait_long(office: Office) -> None:
    reply = await office.claim()

    assert reply.cases == ()
    assert reply.wait_s == pytest.approx(10.0)
    assert await office.dispatcher.jobs() == []


async def test_a_trace_with_a_root_is_due_ten_seconds_after_its_last_span(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t1")

    clock.forward(ROOT_WAIT_S - 1)
    assert await office.work() == []
    clock.forward(1)

    assert await office.work() == ["t1"]


async def test_a_trace_without_a_root_is_due_after_five_minutes_and_holds_no_other_back(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("rootless", has_root=False)
    clock.forward(1)
    await traces.put("whole")

    clock.forward(ROOT_WAIT_S)
    assert await office.work() == ["whole"]
    clock.forward(NO_ROOT_WAIT_S - ROOT_WAIT_S - 2)
    assert await office.work() == []
    clock.forward(1)

    assert await office.work() == ["rootless"]


async def test_late_spans_put_a_trace_off_and_changed_inputs_are_scored_once_more(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t1", input_hash=1)
    clock.forward(8)
    await traces.put("t1", input_hash=2)
    clock.forward(8)
    assert await office.work() == []
    clock.forward(2)
    assert await office.work() == ["t1"]

    clock.forward(3600)
    await traces.put("t1", input_hash=3)
    clock.forward(ROOT_WAIT_S)
    assert await office.work() == ["t1"]
    clock.forward(ROOT_WAIT_S)
    assert await office.work() == []

    assert await traces.ledger() == {"t1": ["ok", "ok"]}


async def test_late_spans_that_change_no_input_are_not_scored_again(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t1", input_hash=1)
    clock.forward(ROOT_WAIT_S)
    assert await office.work() == ["t1"]

    await traces.put("t1", input_hash=1)
    clock.forward(ROOT_WAIT_S)

    assert await office.work() == []


async def test_a_trace_that_changed_between_queue_and_claim_is_scored_with_its_new_inputs_only(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t1", "t2", input_hash=1)
    clock.forward(ROOT_WAIT_S)
    held = await office.claim(limit=1)
    await traces.put("t2", input_hash=2)

    assert [case.trace_id for case in held.cases] == ["t1"]
    assert await office.work() == []
    clock.forward(ROOT_WAIT_S)
    await office.answer(held)

    assert await office.work() == ["t2"]
    rows = await office.store.query("SELECT TraceId, InputHash FROM ledger FINAL ORDER BY TraceId")
    assert [(row["TraceId"], row["InputHash"]) for row in rows] == [("t1", 1), ("t2", 2)]


async def test_our_own_traces_are_never_evaluated(office: Office, traces: Traces, clock: Clock) -> None:
    await office.job()
    await traces.put("own", project="groundtrace.internal")
    await traces.put("theirs")
    clock.forward(ROOT_WAIT_S)

    assert await office.work() == ["theirs"]


async def test_conditions_project_and_sample_choose_the_traces(
    office: Office, traces: Traces, clock: Clock
) -> None:
    ids = [f"t{number:04d}" for number in range(400)]
    await office.job(where="metadata.doc_family = 'billing'", sample=0.25, project="shop")
    await traces.put(*ids, Metadata={"doc_family": "billing"})
    await traces.put("other-family", Metadata={"doc_family": "legal"})
    await traces.put("other-project", project="blog", Metadata={"doc_family": "billing"})
    clock.forward(ROOT_WAIT_S)

    chosen = await office.work()

    assert set(chosen) < set(ids)
    assert 60 <= len(chosen) <= 140


async def test_a_smaller_sample_is_part_of_a_larger_one(office: Office, traces: Traces, clock: Clock) -> None:
    await traces.put(*[f"t{number:04d}" for number in range(300)])
    clock.forward(ROOT_WAIT_S)
    await office.job("tenth", sample=0.1)
    tenth = await office.work()
    await office.job("half", sample=0.5)
    rest_of_half = await office.work()
    await office.job("tenth-relevance", evaluators=["context_relevance"], sample=0.1)

    assert sorted(await office.work()) == sorted(tenth)
    assert 10 <= len(tenth) <= 55
    assert not set(tenth) & set(rest_of_half)
    assert 80 <= len(rest_of_half) <= 160


async def test_sampled_out_traces_do_not_hold_the_cursor_and_are_never_taken_later(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job(sample=0.001)
    await traces.put(*[f"t{number:02d}" for number in range(20)])
    last_seq = clock.seq
    clock.forward(ROOT_WAIT_S)
    taken = await office.work()
    clock.forward(2)
    assert await office.work() == []

    (job,) = await office.dispatcher.jobs()
    assert len(taken) <= 1
    assert job.cursor == last_seq


async def test_the_cursor_stays_below_what_is_not_decided(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    clock.forward(1)
    await traces.put("rootless", has_root=False)
    rootless_seq = clock.seq
    for number in range(3):
        clock.forward(70)
        await traces.put(f"t{number}")
        clock.forward(ROOT_WAIT_S)
        assert await office.work() == [f"t{number}"]

    clock.forward(2)
    await office.work()
    (job,) = await office.dispatcher.jobs()
    assert job.cursor < rootless_seq

    clock.forward(NO_ROOT_WAIT_S)
    assert await office.work() == ["rootless"]
    clock.forward(2)
    await office.work()
    (job,) = await office.dispatcher.jobs()
    assert job.cursor > rootless_seq


async def test_a_cursor_that_is_behind_undecided_work_survives_a_kill(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t1", "t2", "t3")
    clock.forward(ROOT_WAIT_S)
    await office.claim(limit=1)
    clock.forward(3600)
    await traces.put("later")

    office.restart()
    clock.forward(ROOT_WAIT_S)

    assert sorted(await office.work()) == ["later", "t1", "t2", "t3"]


async def test_a_commit_that_is_settled_hours_late_is_not_missed(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    clock.forward(1)
    late_seq = clock.seq
    clock.forward(7200)
    await traces.put("t1")
    clock.forward(ROOT_WAIT_S)
    assert await office.work() == ["t1"]
    clock.forward(2)
    await office.work()
    (job,) = await office.dispatcher.jobs()
    assert job.cursor > late_seq + REREAD_US

    await traces.put("late", seq=late_seq)
    clock.forward(ROOT_WAIT_S)

    assert await office.work() == ["late"]


async def test_rows_that_show_after_later_ones_are_read_again_below_the_cursor(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    clock.forward(1)
    slow_version = clock.seq
    clock.forward(30)
    await traces.put("t1")
    clock.forward(ROOT_WAIT_S)
    assert await office.work() == ["t1"]
    clock.forward(2)
    await office.work()

    await traces.put("slow", Version=slow_version)
    clock.forward(ROOT_WAIT_S)

    assert await office.work() == ["slow"]


async def test_a_new_job_scores_what_arrives_from_then_on_and_a_run_the_rest(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await traces.put("old")
    clock.forward(3600)
    job = await office.job()
    await traces.put("new")
    clock.forward(ROOT_WAIT_S)

    assert await office.work() == ["new"]
    run = await office.dispatcher.start_run(job.spec, job=job.name, since_ns=None, until_ns=None)
    assert run.total == 1
    assert await office.work(run=run.run) == ["old"]


async def test_a_paused_job_takes_up_later_what_arrived_meanwhile(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await office.job(state="paused")
    await traces.put("t1")
    clock.forward(7200)
    assert await office.work() == []
    assert (await office.claim()).wait_s == pytest.approx(10.0)

    await office.job(state="active")

    assert await office.work() == ["t1"]


async def test_a_removed_job_is_gone_and_its_scores_stay(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t1")
    clock.forward(ROOT_WAIT_S)
    await office.work()
    await office.job(state="removed")
    await traces.put("t2")
    clock.forward(ROOT_WAIT_S)

    assert await office.work() == []
    assert await office.dispatcher.jobs() == []
    assert await traces.scored() == {"t1": 1}


async def test_two_jobs_with_one_evaluator_score_a_trace_once(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job("a")
    await office.job("b")
    await traces.put("t1", "t2")
    clock.forward(ROOT_WAIT_S)

    assert sorted(await office.work()) == ["t1", "t2"]
    assert await traces.ledger() == {"t1": ["ok"], "t2": ["ok"]}


async def test_a_condition_on_scores_sees_scores_that_come_long_after_the_trace(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job("second-look", evaluators=["context_relevance"], where="score.groundedness < 0.6")
    await traces.put("early")
    clock.forward(3600)
    await traces.put("late")
    clock.forward(ROOT_WAIT_S)
    assert await office.work() == []
    (job,) = await office.dispatcher.jobs()
    assert job.cursor == clock.seq - ROOT_WAIT_S * 1_000_000

    first_look = await office.job("first-look", state="paused")
    run = await office.dispatcher.start_run(first_look.spec, job="first-look", since_ns=None, until_ns=None)
    assert await office.work(run=run.run) == ["early", "late"]
    clock.forward(2)

    assert await office.work() == ["early", "late"]


async def test_status_other_than_ok_is_decided_too_and_writes_no_score(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t1")
    clock.forward(ROOT_WAIT_S)
    await office.answer(await office.claim(), status=Status.SKIPPED)
    clock.forward(2)

    assert await office.work() == []
    assert await traces.ledger() == {"t1": ["skipped"]}
    assert await traces.scored() == {}


async def test_inputs_that_can_no_longer_be_scored_take_their_old_score_away(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t1", input_hash=1)
    clock.forward(ROOT_WAIT_S)
    await office.work()
    await traces.put("t1", input_hash=2)
    clock.forward(ROOT_WAIT_S)
    await office.answer(await office.claim(), status=Status.ABSTAINED)

    rows = await office.store.query("SELECT Score, Status FROM scores FINAL")

    assert [(row["Score"], row["Status"]) for row in rows] == [(None, "abstained")]


async def test_always_takes_traces_that_the_sample_leaves_out_and_none_that_where_leaves_out(
    office: Office, traces: Traces, clock: Clock
) -> None:
    ids = [f"t{number}" for number in range(40)]
    await office.job("tenth", sample=0.1)
    for number, trace_id in enumerate(ids):
        await traces.put(trace_id, Route="main" if number % 2 else "", DurationNs=number * 1_000_000)
    clock.forward(ROOT_WAIT_S)
    sampled = set(await office.work())
    assert 0 < len(sampled) < 20

    job = await office.job("watch", evaluators=["context_relevance"], sample=0.1, where="route = 'main'",
                           always="duration_ms >= 30")  # fmt: skip
    await office.dispatcher.start_run(job.spec, job="watch", since_ns=None, until_ns=None)

    main = set(ids[1::2])
    assert set(await office.work()) == main & (sampled | set(ids[30:]))


async def test_a_score_that_comes_later_makes_a_trace_one_that_is_always_taken(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job(
        "watch", evaluators=["context_relevance"], sample=1e-9, always="score.groundedness < 0.6"
    )
    await traces.put("t1", "t2")
    clock.forward(ROOT_WAIT_S)
    assert await office.work() == []

    clock.forward(REREAD_US / 1_000_000)
    cheap = (await office.job("cheap")).spec
    await office.dispatcher.start_run(cheap, job="cheap", since_ns=None, until_ns=None)

    # Once by the run of the cheap job, and then, since that scored 0.5, by the job that watches.
    assert await office.work() == ["t1", "t2", "t1", "t2"]
