"""What a job may spend: reserved before a worker begins, settled after, never more than the budget."""

from datetime import timedelta

import pytest

from groundtrace_collector.errors import ApiError
from groundtrace_collector.jobs.budget import Answer, Purse, day_usd
from groundtrace_collector.jobs.change import JobChange, changed_job
from groundtrace_collector.jobs.job import Job
from groundtrace_collector.jobs.protocol import (
    Bound,
    ClaimReply,
    ClaimRequest,
    ReserveReply,
    ReserveRequest,
    ResultsRequest,
    RunStatus,
)
from groundtrace_collector.jobs.report import job_reports
from groundtrace_collector.jobs.selection import ROOT_WAIT_S
from groundtrace_evaluators import get
from groundtrace_evaluators.score import Status
from tests.collector.jobs.conftest import Office, verdicts
from tests.collector.jobs.stored import Clock, Traces

JUDGE = {"judge_mini": "1+abc"}
IDS = tuple(f"t{number}" for number in range(6))


class Judges:
    """Workers with an evaluator that costs money, which the collector knows only from them."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def job(self, budget: str | None = "1/day", **values: object) -> Job:
        if not self.office.dispatcher.offered():
            await self.claim()
        change = JobChange.model_validate(
            {"name": "judged", "evaluators": ["judge_mini"], "every": "1s", "budget_usd": budget} | values
        )
        dispatcher, clock = self.office.dispatcher, self.office.clock
        cursor, offered = clock.seq, dispatcher.offered()
        return await dispatcher.save(
            "judged", lambda job: changed_job(job, change, cursor=cursor, now=clock.now, offered=offered)
        )

    async def claim(self, *, limit: int = 100, run: str | None = None) -> ClaimReply:
        versions = JUDGE | {"groundedness": get("groundedness").version}
        return await self.office.dispatcher.claim(
            ClaimRequest(worker="w", evaluators=versions, configured=JUDGE, limit=limit, run=run)
        )

    async def reserve(self, reply: ClaimReply, most_usd: float | None) -> ReserveReply:
        bounds = [
            Bound(
                project=case.project,
                trace_id=case.trace_id,
                input_hash=case.input_hash,
                evaluator=ref,
                most_usd=most_usd if ref.name == "judge_mini" else 0.0,
            )
            for case in reply.cases
            for ref in case.evaluators
        ]
        return await self.office.dispatcher.reserve(
            ReserveRequest(lease=reply.lease or "", bounds=tuple(bounds))
        )

    async def answer(self, reply: ClaimReply, granted: ReserveReply, *, usd: float | None) -> None:
        results = [
            each.model_copy(update={"score": each.score.model_copy(update={"cost_usd": usd})})
            for each, may in zip(
                [each for case in reply.cases for each in verdicts(case)], granted.granted, strict=True
            )
            if may
        ]
        await self.office.dispatcher.results(
            ResultsRequest(lease=reply.lease or "", results=tuple(results), done=True)
        )

    async def spent(self) -> float:
        (job,) = await self.office.dispatcher.jobs()
        purse = await self.office.dispatcher.purse(job)
        assert purse is not None
        return round(purse.total_usd, 6)


@pytest.fixture
async def judges(office: Office, traces: Traces, clock: Clock) -> Judges:
    """A job with a dollar a day, and six traces that are due at the turn of no day."""
    clock.now = (clock.now - timedelta(days=1)).replace(hour=12)
    found = Judges(office)
    await found.job()
    await traces.put(*IDS)
    clock.forward(ROOT_WAIT_S)
    return found


@pytest.mark.parametrize(
    ("budget", "usd"), [("5/day", 5.0), ("0.5/day", 0.5), (" 2 / DAY ", 2.0), (".25/day", 0.25)]
)
def test_a_budget_is_dollars_a_day(budget: str, usd: float) -> None:
    assert day_usd(budget) == usd


@pytest.mark.parametrize("budget", ["5", "0/day", "-1/day", "5/week", "inf/day", "five/day", "5/day/day"])
def test_a_budget_that_is_none_is_refused_with_its_value(budget: str) -> None:
    with pytest.raises(ValueError, match=r"such as 5/day") as refused:
        day_usd(budget)
    assert repr(budget) in str(refused.value)


@pytest.mark.parametrize(
    ("total", "open_", "bound", "answer"),
    [
        pytest.param(0.0, 0.0, 1.0, Answer.GRANTED, id="all-of-it"),
        pytest.param(0.7, 0.0, 0.3, Answer.GRANTED, id="to-the-cent"),
        pytest.param(0.8, 0.0, 0.3, Answer.EXHAUSTED, id="spent"),
        pytest.param(0.8, 0.5, 0.3, Answer.LATER, id="may-come-back"),
        pytest.param(0.0, 0.0, 1.1, Answer.NEVER, id="too-dear"),
        pytest.param(0.0, 0.0, None, Answer.NEVER, id="unknown"),
    ],
)
def test_a_purse_grants_what_it_holds(
    total: float, open_: float, bound: float | None, answer: Answer
) -> None:
    assert Purse(owner="j", limit_usd=1.0, total_usd=total, open_usd=open_).ask(bound) is answer


async def test_an_evaluator_that_only_workers_have_is_known_once_one_came(office: Office) -> None:
    with pytest.raises(ApiError, match="no evaluator is named 'judge_mini'"):
        await office.job(evaluators=["judge_mini"])

    job = await Judges(office).job()

    assert job.spec.evaluators == ("judge_mini",)


async def test_a_bound_is_reserved_and_the_real_cost_settled(judges: Judges) -> None:
    reply = await judges.claim(limit=3)
    assert reply.budgeted
    granted = await judges.reserve(reply, 0.3)
    assert granted.granted == (True, True, True)
    assert await judges.spent() == pytest.approx(0.9)

    await judges.answer(reply, granted, usd=0.1)

    assert await judges.spent() == pytest.approx(0.3)


async def test_what_is_not_covered_now_is_given_back_and_done_once_others_have_settled(
    judges: Judges, traces: Traces
) -> None:
    first = await judges.claim(limit=3)
    granted = await judges.reserve(first, 0.3)
    second = await judges.claim()
    refused = await judges.reserve(second, 0.3)
    assert refused.granted == (False, False, False)
    await judges.answer(second, refused, usd=0.1)
    await judges.answer(first, granted, usd=0.1)

    again = await judges.claim()
    held = await judges.reserve(again, 0.2)
    await judges.answer(again, held, usd=0.1)

    assert sorted(case.trace_id for case in again.cases) == ["t3", "t4", "t5"]
    assert sorted(await traces.scored()) == list(IDS)


async def test_a_job_whose_budget_is_used_up_waits_for_the_next_day_and_loses_nothing(
    judges: Judges, office: Office, traces: Traces, clock: Clock
) -> None:
    for _ in range(2):
        reply = await judges.claim(limit=2)
        await judges.answer(reply, await judges.reserve(reply, 0.25), usd=0.25)
    stopped = await judges.claim()
    assert (await judges.reserve(stopped, 0.25)).granted == (False, False)

    assert (await judges.claim()).cases == ()
    (report,) = await job_reports(office.store, office.dispatcher)
    assert report["lag"]["due"] == 2
    assert report["budget"] == {
        "day_usd": 1.0,
        "spent_today_usd": 1.0,
        "waiting_for_budget": ["judge_mini"],
        "goes_on_at": f"{clock.now.date() + timedelta(days=1)}T00:00:00.000Z",
    }
    assert len(await traces.ledger()) == 4

    clock.forward(12 * 3600)
    reply = await judges.claim()
    await judges.answer(reply, await judges.reserve(reply, 0.25), usd=0.1)

    assert await traces.ledger() == {trace_id: ["ok"] for trace_id in IDS}


async def test_evaluators_that_cost_nothing_go_on_without_budget(
    judges: Judges, traces: Traces, clock: Clock
) -> None:
    await judges.job(budget="0.1/day", evaluators=["judge_mini", "groundedness"])
    reply = await judges.claim(limit=2)
    await judges.answer(reply, await judges.reserve(reply, 0.1), usd=0.1)

    while (reply := await judges.claim()).cases:
        await judges.answer(reply, await judges.reserve(reply, 0.1), usd=0.0)
        clock.forward(1)

    assert sorted(len(statuses) for statuses in (await traces.ledger()).values()) == [1, 1, 1, 1, 1, 2]


async def test_what_a_killed_worker_reserved_stays_counted_after_a_restart(
    judges: Judges, office: Office, clock: Clock
) -> None:
    await judges.reserve(await judges.claim(limit=3), 0.3)
    office.restart()
    assert await judges.spent() == pytest.approx(0.9)

    clock.forward(31)
    reply = await judges.claim()

    assert (await judges.reserve(reply, 0.3)).granted == (False,) * 6
    assert await judges.spent() == pytest.approx(0.9)


async def test_what_a_worker_gives_back_unbegun_is_not_counted(judges: Judges) -> None:
    reply = await judges.claim(limit=3)
    granted = await judges.reserve(reply, 0.3)
    first = reply.model_copy(update={"cases": reply.cases[:1]})

    await judges.answer(first, ReserveReply(granted=granted.granted[:1]), usd=0.2)

    assert await judges.spent() == pytest.approx(0.2)


async def test_a_cost_that_is_not_told_counts_as_its_bound(judges: Judges) -> None:
    reply = await judges.claim(limit=1)
    await judges.answer(reply, await judges.reserve(reply, 0.3), usd=None)

    assert await judges.spent() == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("most_usd", "status"),
    [
        pytest.param(1.5, "budget_exhausted", id="dearer-than-the-budget"),
        pytest.param(None, "error", id="unknown"),
    ],
)
async def test_what_no_budget_can_cover_is_in_the_ledger_and_stops_nothing(
    judges: Judges, traces: Traces, most_usd: float | None, status: str
) -> None:
    reply = await judges.claim(limit=1)
    assert (await judges.reserve(reply, most_usd)).granted == (False,)

    assert await traces.ledger() == {"t0": [status]}
    assert len((await judges.claim()).cases) == 5


async def run_of(judges: Judges, budget_usd: float) -> RunStatus:
    (job,) = await judges.office.dispatcher.jobs()
    return await judges.office.dispatcher.start_run(
        job.spec, job="judged", since_ns=None, until_ns=None, budget_usd=budget_usd
    )


async def test_a_run_ends_at_its_own_budget_and_the_next_goes_on(judges: Judges, traces: Traces) -> None:
    await judges.job(budget=None)
    status = await run_of(judges, 0.5)
    while not status.finished:
        reply = await judges.claim(limit=2, run=status.run)
        if reply.cases:
            await judges.answer(reply, await judges.reserve(reply, 0.2), usd=0.15)
        status = await judges.office.dispatcher.run_status(status.run)

    assert (status.out_of_budget, round(status.spent_usd, 6)) == (True, 0.45)
    assert len(await traces.ledger()) == 3
    assert (await run_of(judges, 2.0)).total == 3


async def test_results_hold_no_status_of_a_budget_for_what_waits(judges: Judges, traces: Traces) -> None:
    await judges.job(budget="0.3/day")
    reply = await judges.claim()
    granted = await judges.reserve(reply, 0.3)
    await judges.answer(reply, granted, usd=0.3)
    rest = await judges.claim()
    await judges.reserve(rest, 0.3)

    assert sum(granted.granted) == 1
    assert list((await traces.ledger()).values()) == [[Status.OK.value]]
