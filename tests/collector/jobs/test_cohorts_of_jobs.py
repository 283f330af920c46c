"""Jobs and runs over a saved cohort, as it stands when they look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from groundtrace_collector.jobs.job import Scope
from groundtrace_collector.jobs.selection import ROOT_WAIT_S
from groundtrace_collector.query.errors import QueryError
from groundtrace_collector.query.saved import forget_cohort, save_cohort

if TYPE_CHECKING:
    import httpx

    from tests.collector.conftest import Send
    from tests.collector.jobs.conftest import Office
    from tests.collector.jobs.stored import Clock, Traces

from tests.collector.jobs.test_api import JOBS, rag_trace, work_off


async def save(office: Office, route: str, *, project: str | None = None) -> None:
    await save_cohort(office.store, name="mine", expression=f"route = '{route}'", project=project)


async def test_a_job_scores_the_traces_that_its_cohort_has_now(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await save(office, "a")
    await office.job(cohort="mine", where="user is null or user != 'bot'")
    await traces.put("t1", Route="a")
    await traces.put("t2", Route="b")
    await traces.put("t3", Route="a", User="bot")
    clock.forward(ROOT_WAIT_S)
    first = await office.work()

    await save(office, "b")
    await traces.put("t4", Route="a")
    await traces.put("t5", Route="b")
    clock.forward(ROOT_WAIT_S)
    second = await office.work()

    assert first == ["t1"]
    assert sorted(second) == ["t2", "t5"], "t2 is within the last minute, which a job reads again"


async def test_a_job_whose_cohort_is_gone_scores_nothing_and_says_why_until_it_is_saved_again(
    office: Office, traces: Traces, clock: Clock
) -> None:
    await save(office, "a")
    await office.job(cohort="mine")
    await forget_cohort(office.store, "mine")
    await traces.put("t1", Route="a")
    await traces.put("t2", Route="b")
    clock.forward(ROOT_WAIT_S)

    none = await office.work()
    fault = office.dispatcher.lookout.faults["quality"]
    await save(office, "a")
    clock.forward(ROOT_WAIT_S)

    assert (none, await office.work()) == ([], ["t1"])
    assert fault == (
        "no cohort is saved as 'mine'; none is saved yet: `groundtrace cohorts save NAME EXPRESSION` saves one"
    )
    assert office.dispatcher.lookout.faults == {}


async def test_a_job_has_the_cohort_of_who_added_it(office: Office, traces: Traces) -> None:
    await save(office, "a")
    await save(office, "b", project="shop")
    await traces.put("t1", project="shop", Route="a")
    await traces.put("t2", project="shop", Route="b")

    async def found(cohorts_of: str | None) -> list[str]:
        scope = Scope(evaluators=("groundedness",), project="shop", cohort="mine", cohorts_of=cohorts_of)
        run = await office.dispatcher.start_run(scope, job="", since_ns=None, until_ns=None)
        return [case.trace_id for case in (await office.claim(run=run.run)).cases]

    assert (await found(None), await found("shop")) == (["t1"], ["t2"])
    with pytest.raises(QueryError, match="no cohort is saved as 'mine'"):
        await found("library")


async def test_a_run_takes_a_cohort_and_a_job_tells_its_own(client: httpx.AsyncClient, send: Send) -> None:
    body = {"name": "long answers", "expression": "answer like '%purchase%'"}
    await client.post("/api/v1/cohorts/saved", json=body)
    await send(rag_trace(1, answer="Refunds are possible within 30 days."))
    await send(rag_trace(2, answer="Refunds are possible within 30 days of purchase."))
    asked = {"evaluators": ["groundedness"], "cohort": "long answers"}

    run = await client.post(f"{JOBS}/runs", json=asked)
    ended = await work_off(client, run.json()["run"])
    job = await client.post(JOBS, json={"name": "q", **asked})
    cleared = await client.post(JOBS, json={"name": "q", "cohort": None})

    assert (ended["scores_added"], run.json()["total"]) == (1, 1)
    assert (job.json()["cohort"], cleared.json()["cohort"]) == ("long answers", None)


@pytest.mark.parametrize("path", [JOBS, f"{JOBS}/runs"])
async def test_an_unknown_cohort_is_refused_when_it_is_asked_for(
    client: httpx.AsyncClient, path: str
) -> None:
    body = {"name": "q"} if path == JOBS else {}

    answer = await client.post(path, json={"evaluators": ["groundedness"], "cohort": "vip", **body})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_cohort")
    assert "no cohort is saved as 'vip'" in answer.json()["error"]["message"]
    assert (await client.get(JOBS)).json() == {"jobs": []}
