"""Leases, results and runs on a real store: each trace is decided once, whatever dies."""

from datetime import timedelta

import pytest

from groundtrace_collector.errors import ApiError
from groundtrace_collector.jobs.board import GIVEN_UP_AFTER
from groundtrace_collector.jobs.protocol import ClaimRequest, ResultsRequest, RunStatus
from groundtrace_collector.jobs.runs import IDLE_S
from groundtrace_collector.jobs.selection import ROOT_WAIT_S
from groundtrace_evaluators import get
from groundtrace_evaluators.score import Status
from tests.collector.jobs.conftest import Office, verdicts
from tests.collector.jobs.stored import START, Clock, Traces

IDS = tuple(f"t{number}" for number in range(6))


@pytest.fixture
async def due(office: Office, traces: Traces, clock: Clock) -> Office:
    """An office with one job and six traces that are due."""
    await office.job()
    await traces.put(*IDS)
    clock.forward(ROOT_WAIT_S)
    return office


async def start(office: Office, *, name: str = "quality", evaluator: str = "groundedness") -> RunStatus:
    job = await office.job(name, evaluators=[evaluator])
    return await office.dispatcher.start_run(job.spec, job=name, since_ns=None, until_ns=None)


async def test_a_case_holds_what_an_evaluator_sees(office: Office, traces: Traces, clock: Clock) -> None:
    await office.job(evaluators=["groundedness", "context_relevance"])
    await traces.put(
        "t1", documents=("one", "two"), RetrievedIds=["d0", "d1"], GoldIds=["d1"], input_hash=2**64 - 1
    )
    clock.forward(ROOT_WAIT_S)

    (case,) = (await office.claim()).cases

    assert (case.query, case.answer) == (
        "How long is the refund period?",
        "Refunds are possible for 30 days.",
    )
    assert case.context == ("one", "two")
    assert (case.retrieved_ids, case.relevant_ids) == (("d0", "d1"), ("d1",))
    assert case.input_hash == 2**64 - 1
    assert [ref.name for ref in case.evaluators] == ["groundedness", "context_relevance"]


async def test_a_span_that_a_client_sent_twice_gives_its_documents_once(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t1", documents=("one",))
    await traces.put("t1", documents=("one",))
    clock.forward(ROOT_WAIT_S)

    assert [case.context for case in (await office.claim()).cases] == [("one",)]


async def test_two_workers_share_the_work_and_never_a_trace(due: Office) -> None:
    first, second = await due.claim(limit=3), await due.claim(limit=3)

    taken = [case.trace_id for reply in (first, second) for case in reply.cases]
    assert sorted(taken) == list(IDS)
    assert (await due.claim()).cases == ()


async def test_the_work_of_a_dead_worker_is_handed_out_again_when_its_lease_runs_out(
    due: Office, traces: Traces, clock: Clock
) -> None:
    dead = await due.claim(limit=4)
    assert sorted(await due.work()) == ["t4", "t5"]

    clock.forward(30)
    assert sorted(await due.work()) == ["t0", "t1", "t2", "t3"]

    late = await due.answer(dead)
    assert (late.accepted, late.dropped, late.lease_lost) == (0, 4, True)
    assert await traces.scored() == dict.fromkeys(IDS, 1)


async def test_a_word_from_the_worker_keeps_its_lease(due: Office, clock: Clock) -> None:
    reply = await due.claim()
    for _ in range(5):
        clock.forward(29)
        kept = await due.dispatcher.results(ResultsRequest(lease=reply.lease or ""))
        assert not kept.lease_lost
        assert (await due.claim()).cases == ()

    assert (await due.answer(reply)).accepted == len(IDS)


async def test_a_verdict_on_inputs_that_changed_meanwhile_replaces_no_newer_one(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("t", input_hash=1)
    clock.forward(20)
    slow = await office.claim()
    await traces.put("t", input_hash=2)
    clock.forward(20)
    quick = await office.claim()

    replies = [await office.answer(quick), await office.answer(slow)]

    assert [case.input_hash for each in (slow, quick) for case in each.cases] == [1, 2]
    assert [reply.accepted for reply in replies] == [1, 1]
    kept = await office.store.query("SELECT InputHash FROM scores FINAL")
    assert [row["InputHash"] for row in kept] == [2]


async def test_results_that_come_twice_count_once(due: Office, traces: Traces) -> None:
    reply = await due.claim()
    results = tuple(each for case in reply.cases for each in verdicts(case))

    first = await due.dispatcher.results(ResultsRequest(lease=reply.lease or "", results=results[:3] * 2))
    again = await due.dispatcher.results(ResultsRequest(lease=reply.lease or "", results=results, done=True))

    assert (first.accepted, first.dropped) == (3, 3)
    assert (again.accepted, again.dropped) == (3, 3)
    assert await traces.scored() == dict.fromkeys(IDS, 1)


async def test_results_for_traces_outside_the_lease_are_dropped(due: Office, traces: Traces) -> None:
    reply = await due.claim(limit=1)
    result = verdicts(reply.cases[0])[0]
    forged = [
        result.model_copy(update={"trace_id": "another"}),
        result.model_copy(update={"project": "another"}),
        result.model_copy(update={"input_hash": 7}),
        result.model_copy(update={"score": result.score.model_copy(update={"version": "0"})}),
        result.model_copy(update={"score": result.score.model_copy(update={"name": "another"})}),
    ]

    answer = await due.dispatcher.results(ResultsRequest(lease=reply.lease or "", results=tuple(forged)))

    assert (answer.accepted, answer.dropped) == (0, len(forged))
    assert await traces.scored() == {}


async def test_what_a_stopping_worker_leaves_undone_goes_to_the_next_at_once(due: Office) -> None:
    reply = await due.claim()
    results = tuple(verdicts(reply.cases[0]))
    await due.dispatcher.results(ResultsRequest(lease=reply.lease or "", results=results, done=True))

    assert sorted(await due.work()) == sorted(set(IDS) - {reply.cases[0].trace_id})


async def test_after_a_kill_of_the_server_the_ledger_knows_what_is_done(
    due: Office, traces: Traces, clock: Clock
) -> None:
    reply = await due.claim(limit=4)
    results = tuple(each for case in reply.cases[:2] for each in verdicts(case))
    await due.dispatcher.results(ResultsRequest(lease=reply.lease or "", results=results))

    due.restart()
    rest = await due.work()

    assert len(rest) == len(IDS) - 2
    assert await traces.scored() == dict.fromkeys(IDS, 1)
    assert await traces.ledger() == {trace_id: ["ok"] for trace_id in IDS}
    clock.forward(3600)
    assert await due.work() == []


async def test_a_kill_between_scores_and_ledger_repeats_the_score_under_its_key(
    due: Office,
) -> None:
    reply = await due.claim(limit=1)
    await due.answer(reply)
    trace_id = reply.cases[0].trace_id
    await due.store.command("DELETE FROM ledger WHERE TraceId = {trace_id:String}", {"trace_id": trace_id})

    due.restart()

    assert trace_id in await due.work()
    rows = await due.store.query("SELECT TraceId FROM scores FINAL")
    assert sorted(row["TraceId"] for row in rows) == list(IDS)


async def test_a_case_that_no_worker_survives_is_decided_as_an_error(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    await traces.put("poison")
    clock.forward(ROOT_WAIT_S)
    for _ in range(GIVEN_UP_AFTER):
        assert len((await office.claim()).cases) == 1
        clock.forward(31)

    assert (await office.claim()).cases == ()
    rows = await office.store.query("SELECT Status, Reason FROM ledger")
    assert rows == [{"Status": "error", "Reason": "no worker that took it came back"}]


async def test_a_score_row_says_where_it_comes_from(due: Office) -> None:
    await due.work()

    (row, *_) = await due.store.query("SELECT * FROM scores FINAL ORDER BY TraceId LIMIT 1")

    expected = {
        "Project": "shop",
        "Name": "groundedness",
        "TraceId": "t0",
        "SpanId": "",
        "Source": "evaluator",
        "Evaluator": "groundedness",
        "EvaluatorVersion": get("groundedness").version,
        "Score": 0.5,
        "Status": "ok",
        "Threshold": 0.5,
        "InputHash": 1,
        "Job": "quality",
    }
    assert {name: row[name] for name in expected} == expected


async def test_a_second_run_finds_nothing_to_do(due: Office) -> None:
    first = await start(due)
    assert await due.work(run=first.run) == list(IDS)
    ended = await due.dispatcher.run_status(first.run)
    assert (ended.finished, ended.scores_added, ended.decided) == (True, len(IDS), {"ok": len(IDS)})

    second = await start(due)

    assert (second.finished, second.total, second.scores_added) == (True, 0, 0)


async def test_a_run_takes_traces_with_a_root_at_once_and_names_those_it_leaves(
    office: Office, traces: Traces
) -> None:
    await office.job()
    await traces.put("fresh")
    await traces.put("rootless", has_root=False)

    run = await start(office)

    assert (run.total, run.waiting) == (1, 1)
    assert await office.work(run=run.run) == ["fresh"]


async def test_a_run_is_finished_when_others_have_done_its_tasks(due: Office) -> None:
    others = await due.claim(limit=4)
    run = await start(due)
    assert len(await due.work(run=run.run)) == 2
    assert not (await due.dispatcher.run_status(run.run)).finished

    await due.answer(others)
    await due.claim(run=run.run)

    ended = await due.dispatcher.run_status(run.run)
    assert (ended.finished, ended.scores_added) == (True, len(IDS))


async def test_a_run_counts_what_could_not_be_scored_by_status(due: Office) -> None:
    run = await start(due)
    await due.answer(await due.claim(limit=2, run=run.run), status=Status.SKIPPED)
    await due.work(run=run.run)

    ended = await due.dispatcher.run_status(run.run)

    assert ended.decided == {"skipped": 2, "ok": 4}
    assert ended.scores_added == 4


async def test_a_run_bounds_the_time_when_traces_started(due: Office) -> None:
    job = await due.job("another", evaluators=["context_relevance"])

    run = await due.dispatcher.start_run(job.spec, job="", since_ns=2**62, until_ns=None)
    other = await due.dispatcher.start_run(job.spec, job="", since_ns=0, until_ns=2**62)

    assert (run.total, other.total) == (0, len(IDS))


async def test_a_run_that_nobody_asks_about_is_forgotten(due: Office, clock: Clock) -> None:
    run = await start(due, name="other", evaluator="context_relevance")
    await due.claim(run=run.run, limit=1)

    clock.forward(IDLE_S + 1)
    await due.work()

    with pytest.raises(ApiError, match="start it again") as refused:
        await due.dispatcher.run_status(run.run)
    assert refused.value.status == 404


async def test_a_worker_with_other_versions_gets_nothing_and_a_run_says_why(due: Office) -> None:
    run = await start(due)
    old = ClaimRequest(worker="old", evaluators={"groundedness": "0"})

    assert (await due.dispatcher.claim(old)).cases == ()
    with pytest.raises(ApiError, match=r"asks for groundedness .+, which is not here"):
        await due.dispatcher.claim(old.model_copy(update={"run": run.run}))


async def test_a_job_whose_condition_can_no_longer_be_read_stops_no_other(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job("broken")
    spec = '{"name": "broken", "evaluators": ["gone_evaluator"], "every": "1s"}'
    row = {
        "Name": "broken",
        "Spec": spec,
        "State": "active",
        "Cursor": clock.seq,
        "Seq": office.store.next_seq(),
    }
    await office.store.insert("jobs", [row | {"CreatedAt": clock.now}])
    office.restart()
    await office.job("sound")
    await traces.put("t1")
    clock.forward(ROOT_WAIT_S)

    assert await office.work() == ["t1"]
    assert "no evaluator is named 'gone_evaluator'" in office.dispatcher.lookout.faults["broken"]


async def test_a_job_that_another_collector_removed_is_left_within_half_a_minute(
    due: Office, clock: Clock
) -> None:
    await due.claim(limit=1)
    other = Office(due.store, clock)
    await other.job(state="removed")

    clock.forward(31)

    assert await due.work() == []
    assert await due.dispatcher.jobs() == []


async def test_a_case_holds_expected_answer_scores_and_the_query_that_a_cache_answered(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job(evaluators=["groundedness"])
    spans = [
        {"retrieval.documents.0.document.id": "d0", "retrieval.documents.0.document.score": "0.25",
         "retrieval.documents.1.document.id": "d1", "retrieval.documents.1.document.score": "0.75",
         "retrieval.score_sense": "distance", "openinference.span.kind": "RETRIEVER"},
        {"groundtrace.cache.hit": "true", "groundtrace.cache.query": "refund how long?",
         "openinference.span.kind": "CHAIN"},
    ]  # fmt: skip
    await traces.put("t1", documents=(), RetrievedIds=["d0", "d1"], CacheHit=True,
                     Metadata={"expected_answer": "30 days"}, spans=spans)  # fmt: skip
    await traces.put("t2")
    clock.forward(ROOT_WAIT_S)

    cases = {case.trace_id: case for case in (await office.claim()).cases}

    held = cases["t1"]
    assert (held.expected, held.cached_query) == ("30 days", "refund how long?")
    assert held.retrieved_scores == (-0.25, -0.75)
    plain = cases["t2"]
    assert (plain.expected, plain.cached_query, plain.retrieved_scores) == (None, None, ())


async def test_a_case_of_a_dataset_row_holds_its_newest_expected_answer_and_positives(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job()
    rows = [
        ("", "r1", "of nobody's", ["d9"]), ("shop", "r1", "30 days", ["d1"]), ("shop", "r1", "31 days", []),
        ("other", "r2", "theirs", ["d7"]), ("", "r3", "anyone's", ["d3"]),
    ]  # fmt: skip
    for number, (project, row_id, expected, positives) in enumerate(rows):
        row = {
            "Project": project,
            "RowId": row_id,
            "Digest": f"{number:032d}",
            "CreatedAt": START + timedelta(seconds=number),
            "ExpectedAnswer": expected,
            "PositiveIds": positives,
        }
        await office.store.insert("dataset_rows", [row])
    for trace_id, row_id in (("t1", "r1"), ("t2", "r2"), ("t3", "r3")):
        await traces.put(trace_id, DatasetRow=row_id)
    await traces.put("t4", DatasetRow="r1", GoldIds=["gold"], Metadata={"expected_answer": "said"})
    clock.forward(ROOT_WAIT_S)

    cases = {case.trace_id: (case.expected, case.relevant_ids) for case in (await office.claim()).cases}

    assert cases == {
        "t1": ("31 days", ("d1",)),
        "t2": (None, ()),
        "t3": ("anyone's", ("d3",)),
        "t4": ("said", ("gold",)),
    }
