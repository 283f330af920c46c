"""The click group of `groundtrace`: subcommands are imported only when they run.

`groundtrace --help` and a read command must not pay for the engine, the web server or scipy.
"""

from __future__ import annotations

import importlib
from difflib import get_close_matches
from importlib.metadata import version

import click

COMMANDS = {
    "demo": "Trace, score and compare two encoders on real documents, then show the pages.",
    "serve": "Run the collector: OTLP in, store, API and pages on one port.",
    "worker": "Run evaluation jobs against a collector.",
    "traces": "List traces, newest first.",
    "trace": "Show one trace: its spans, documents and scores.",
    "cohorts": "Show metrics for each value of a dimension; save cohorts by name.",
    "compare": "Compare two values of a dimension, cohort by cohort.",
    "replay": "Run a dataset through two encoders, and compare them.",
    "card": "Print what is known of an encoder version.",
    "gate": "Let a comparison of live traces, or a replay, block a release.",
    "scores": "List scores.",
    "sql": "Run one SELECT over the collector's tables.",
    "export": "Write all traces that match to a file: JSONL, CSV or Parquet.",
    "jobs": "Add, list, run, pause and remove evaluation jobs.",
    "eval": "Run evaluators over traces once, or list them.",
    "dataset": "Import, export, list datasets, and mine them from traces.",
    "keys": "Make, list and revoke API keys.",
    "doctor": "Look for what keeps groundtrace from working here.",
    "migrate": "Bring a store's schema up to date.",
}
"""Name and one line of help of each subcommand; its module is `commands/NAME.py`, its object `command`."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """All names, in the order of the table: the way a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import `commands/NAME.py`; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"groundtrace_collector.commands.{cmd_name}")
        loaded: click.Command = module.command
        return loaded

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, which guesses at a misspelt name only among the commands that it has loaded: none."""
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing:
            guesses = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"No such command {name!r}." + "".join(f" Did you mean {guess!r}?" for guess in guesses))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version=version("groundtrace"), prog_name="groundtrace")
def command() -> None:
    """See where a RAG answer came from, and which part of the pipeline broke it.

    Data goes to stdout, words to stderr. Read commands ask the collector at --url or GROUNDTRACE_URL
    (default http://127.0.0.1:4318) and print its JSON with --json.
    """
