"""What `groundtrace jobs list` says of a job: scored, skipped and failed with their reasons, cost, lag, budget."""

from groundtrace_collector.commands.jobs import paragraph
from groundtrace_collector.jobs.protocol import Result, ResultsRequest
from groundtrace_collector.jobs.report import job_reports
from groundtrace_collector.jobs.selection import ROOT_WAIT_S
from groundtrace_evaluators.score import Status
from tests.collector.jobs.conftest import Office, verdicts
from tests.collector.jobs.stored import Clock, Traces


async def listed(office: Office) -> list[str]:
    (job,) = await job_reports(office.store, office.dispatcher)
    return paragraph(job).splitlines()


async def test_a_job_says_what_it_did_why_not_what_it_cost_and_how_far_behind_it_is(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await office.job(
        where="not incomplete",
        sample=0.999999,
        always="status = 'error'",
        budget_usd="5/day",
        every="0 3 * * *",
    )
    await traces.put("a", "b", "c", "d", "e")
    clock.forward(ROOT_WAIT_S + 86_400)
    await traces.put("still open")
    reply = await office.claim(limit=4)
    states = [Status.OK, Status.OK, Status.SKIPPED, Status.TIMEOUT]
    found = [verdicts(case, status)[0] for case, status in zip(reply.cases, states, strict=True)]
    priced = [_priced(each, 0.0125) for each in found]
    await office.dispatcher.results(ResultsRequest(lease=reply.lease or "", results=tuple(priced), done=True))

    assert await listed(office) == [
        "quality  active, every 0 3 * * *: groundedness",
        "  where not incomplete",
        "  sample 0.999999",
        "  always status = 'error'",
        "  scored 2",
        "  skipped 1: the case has no answer",
        "  failed 1: timeout",
        "  cost $0.0500",
        "  budget $5 a day, $0.0000 spent or reserved today",
        "  behind by 1 traces, the oldest due since 86410 s",
    ]


async def test_a_job_that_has_caught_up_says_what_is_not_due_yet(office: Office, traces: Traces) -> None:
    await office.job()
    await traces.put("just arrived")

    assert (await listed(office))[-1] == "  up to date, 1 traces not due yet"


def _priced(result: Result, usd: float) -> Result:
    return result.model_copy(update={"score": result.score.model_copy(update={"cost_usd": usd})})
