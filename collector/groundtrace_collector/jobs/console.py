"""A run in front of the user: evaluators in this process, progress on stderr."""

import asyncio
import signal
import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from groundtrace_collector.jobs.catalog import configured, loadable
from groundtrace_collector.jobs.client import JobsClient
from groundtrace_collector.jobs.protocol import RunRequest, RunStatus
from groundtrace_collector.jobs.worker import Worker, drive_run


def run_here(url: str | None, request: RunRequest) -> RunStatus:
    """Run to the end, through the same claims as any worker; Ctrl-C ends it between two cases.

    Raises CollectorAwayError and ApiError. What was scored before stays, and a run started again goes on
    from there.
    """
    return asyncio.run(_run(url, request))


async def _run(url: str | None, request: RunRequest) -> RunStatus:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    own = configured()
    request = request.model_copy(update={"configured": {name: each.version for name, each in own.items()}})
    async with JobsClient(url) as client:
        status = await client.start_run(request)
        with _progress() as progress:
            bar = progress.add_task(request.job or ", ".join(request.evaluators), total=status.total)

            def show(status: RunStatus) -> None:
                progress.update(bar, completed=min(sum(status.decided.values()), status.total))

            worker = Worker(
                client=client,
                evaluators=loadable() | own,
                configured=frozenset(own),
                stop=stop,
                run=status.run,
            )
            return await drive_run(worker, status, show)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
    )


def outcome(status: RunStatus) -> str:
    """One line for people: what a run added and what it could not score."""
    parts = [f"{status.scores_added} scores added"]
    parts += [f"{count} {name.replace('_', ' ')}" for name, count in status.decided.items() if name != "ok"]
    if status.waiting:
        parts.append(f"{status.waiting} traces still wait for their root")
    if status.out_of_budget:
        parts.append("stopped by the budget: what is left stays undecided, run it again to go on")
    if not status.finished:
        parts.append("stopped before the end: run it again to go on")
    return ", ".join(parts)
