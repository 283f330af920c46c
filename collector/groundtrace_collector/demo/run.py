"""The demo from start to end, on a terminal or for a program."""

import importlib.util
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

from groundtrace import Client
from groundtrace.errors import MissingExtraError
from groundtrace_collector.demo.server import RunningCollector, new_data_dir, running_collector

if TYPE_CHECKING:
    from rich.progress import Progress

    from groundtrace_collector.demo.results import Results

_NEEDED: Final = {
    "rich": "rich",
    "chdb": "chdb",
    "fastapi": "fastapi",
    "langchain_core": "langchain-core",
    "sklearn": "scikit-learn",
    "bm25s": "bm25s",
}
_ALIVE_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asked for; both ``llm_*`` or neither."""

    once: bool = False
    as_json: bool = False
    llm_base_url: str | None = None
    llm_model: str | None = None


def run(options: Options) -> None:
    """Index, ask, trace, score, compare; print the outcome; stay up until Ctrl-C unless ``once``.

    Raises GroundtraceError when a library is missing or a part fails, KeyboardInterrupt when it is
    stopped before the outcome is printed. The collector is stopped in every case.
    """
    check_installed(options)
    with _stopped_by_signals(), running_collector(new_data_dir()) as collector:
        results = _work(collector, options)
        _print(results, collector, options)
        if not options.once:
            _stay(collector)


def check_installed(options: Options) -> None:
    """Raise MissingExtraError for the first library that the demo needs and that is not installed."""
    needed = _NEEDED | ({"langchain_openai": "langchain-openai"} if options.llm_base_url else {})
    for module, library in needed.items():
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(library=library, extra="demo")


def _work(collector: RunningCollector, options: Options) -> "Results":
    # The libraries take two seconds to import; the collector starts meanwhile.
    from groundtrace_collector.demo.chain import chat_model, model_errors
    from groundtrace_collector.demo.pipeline import ask, build_pipelines, traced
    from groundtrace_collector.demo.results import collect
    from groundtrace_collector.demo.scoring import add_job, score_traces, wait_for_traces

    with _progress() as progress, Client(collector.url) as client:
        indexing = progress.add_task("Index the language reference", total=1)
        with model_errors(options.llm_base_url, options.llm_model):
            pipelines = build_pipelines(chat_model(options.llm_base_url, options.llm_model))
        collector.wait_until_ready()
        add_job(client)
        progress.advance(indexing)

        answers = len(pipelines.questions) * len(pipelines.chains)
        asking = progress.add_task(f"Ask {len(pipelines.questions)} questions twice", total=answers)
        with traced(collector.url), model_errors(options.llm_base_url, options.llm_model):
            ask(pipelines, on_answer=lambda: progress.advance(asking))

        scoring = progress.add_task("Score every trace", total=1.0)
        wait_for_traces(client, answers)
        score_traces(client, on_progress=lambda share: progress.update(scoring, completed=share))
        return collect(client, pipelines)


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def _print(results: "Results", collector: RunningCollector, options: Options) -> None:
    url = None if options.once else collector.url
    if options.as_json:
        print(json.dumps(results.as_json(store=collector.store, url=url)), flush=True)  # noqa: T201
        return
    from rich.console import Console

    from groundtrace_collector.demo.report import comparison_table, summary

    console = Console()
    console.print(comparison_table(results, width=console.width))
    for line in summary(results, store=collector.store, url=url, estimated=options.llm_base_url is None):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _stay(collector: RunningCollector) -> None:
    """Return at Ctrl-C; raise GroundtraceError when the collector ends by itself."""
    _say(
        f"\nThe collector stays up at {collector.url} until Ctrl-C; its store is kept. To ask it from another terminal:"
    )
    _say(f"export GROUNDTRACE_URL={collector.url}")
    try:
        while True:
            collector.check()
            time.sleep(_ALIVE_S)
    except KeyboardInterrupt:
        _say(f"\nStopped. `groundtrace serve --store {collector.store}` opens it again.")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Take SIGTERM and SIGHUP for a wish to stop in order, as Ctrl-C is."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        raise SystemExit(128 + number)

    numbers = [signal.SIGTERM, signal.SIGHUP]
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
