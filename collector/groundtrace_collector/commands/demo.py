"""`groundtrace demo`: the main job on real documents."""

import sys

import click

from groundtrace_collector.demo.run import Options, run


@click.command("demo")
@click.option("--once", is_flag=True, help="Stop the collector at the end; its store is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON, and nothing else.")
@click.option("--llm-base-url", metavar="URL", help="Answer with the OpenAI-compatible model served there.")
@click.option("--llm-model", metavar="NAME", help="Its name; the key is read from OPENAI_API_KEY.")
def command(*, once: bool, as_json: bool, llm_base_url: str | None, llm_model: str | None) -> None:
    """Trace, score and compare two encoders on real documents, then show the pages.

    The documents are Python's own language reference, the questions are the package's. Each question goes
    through both encoders, a BM25 reranker and a model that answers with sentences of what was found, traced
    into a collector that the demo starts on a free port with a new store.
    """
    if (llm_base_url is None) != (llm_model is None):
        raise click.UsageError("--llm-base-url and --llm-model go together: give both, or neither")
    try:
        run(Options(once=once, as_json=as_json, llm_base_url=llm_base_url, llm_model=llm_model))
    except KeyboardInterrupt:
        click.echo("\nStopped.", err=True)
        sys.exit(130)
