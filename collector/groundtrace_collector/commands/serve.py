"""`groundtrace serve`: run the collector."""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.option("--store", metavar="URL", help="chdb:///absolute/path or clickhouse://host:8123/database.")
@click.option("--host", help="Address to listen on. [127.0.0.1]")
@click.option("--port", type=int, help="Port of pages, API and OTLP/HTTP; 0 takes a free one. [4318]")
@click.option("--grpc-port", type=int, help="Port of OTLP/gRPC. [4317]")
@click.option("--no-grpc", is_flag=True, help="Take no OTLP/gRPC.")
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="A further name that it answers to, such as a proxy's. Repeat for more than one.",
)
@click.option("--prices", metavar="FILE", help="CSV file of model prices, asked before groundtrace's own.")
@click.option("--log-format", type=click.Choice(["human", "json"]), help="json: one object a line. [human]")
@click.option(
    "--no-worker", is_flag=True, help="Start no worker process: jobs wait until one runs elsewhere."
)
def command(
    store: str | None,
    host: str | None,
    port: int | None,
    grpc_port: int | None,
    allow_host: tuple[str, ...],
    prices: str | None,
    log_format: str | None,
    *,
    no_grpc: bool,
    no_worker: bool,
) -> None:
    """Run the collector: OTLP in, pages and API out, on one port.

    Without --store, spans are kept in ~/.local/share/groundtrace/store. Prints its URL once it answers;
    stop it with Ctrl-C or SIGTERM, which loses nothing. Each option may also be set in the environment,
    as GROUNDTRACE_STORE, GROUNDTRACE_PORT and so on.
    """
    from groundtrace_collector.config import CollectorConfig
    from groundtrace_collector.logs import log_to_stderr
    from groundtrace_collector.serve import serve

    given: dict[str, Any] = {
        "store": store,
        "host": host,
        "port": port,
        "grpc_port": grpc_port,
        "allow_host": allow_host or None,
        "prices": prices,
        "log_format": log_format,
    }
    arguments = {name: value for name, value in given.items() if value is not None}
    if no_worker:
        arguments["worker"] = False
    if no_grpc:
        arguments["grpc_port"] = None
    config = CollectorConfig.from_env(**arguments)
    log_to_stderr("groundtrace", config.log_format)
    serve(config)
