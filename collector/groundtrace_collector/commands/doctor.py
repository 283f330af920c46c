"""`groundtrace doctor`: is everything in order here?"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from groundtrace_collector.doctor.finding import Finding


@click.command()
@click.option(
    "--url", metavar="URL", help="The collector. [GROUNDTRACE_URL, else the one on the store, else port 4318]"
)
@click.option("--store", metavar="URL", help="chdb:///absolute/path or clickhouse://host:8123/database.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(url: str | None, store: str | None, *, as_json: bool) -> None:
    """Look for what keeps groundtrace from working here, and say what to do about it.

    Looks at Python, extras, disk, clock, ports, the store and its engine, the collector and the key in
    GROUNDTRACE_API_KEY. Changes nothing. Exit code 1 where something fails; a warning is none.
    """
    from groundtrace_collector.doctor.finding import State

    findings = _findings(url, store)
    failed = any(finding.state is State.FAIL for finding in findings)
    if as_json:
        shown = {"ok": not failed, "checks": [finding.as_dict() for finding in findings]}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            advice = f" — {finding.advice}" if finding.advice else ""
            click.echo(f"{finding.state.value:<5} {finding.check}: {finding.message}{advice}")
    if failed:
        raise SystemExit(1)


def _findings(url: str | None, store: str | None) -> list[Finding]:
    from groundtrace.endpoints import DEFAULT_URL, collector_url
    from groundtrace_collector.config import CollectorConfig
    from groundtrace_collector.doctor import answering, machine, stored
    from groundtrace_collector.store.owner import running_at

    config = CollectorConfig.from_env(os.environ, **({"store": store} if store else {}))
    named = url is not None or bool(os.environ.get("GROUNDTRACE_URL"))
    running = running_at(config.data_dir) if config.embedded else None
    asked = collector_url(url) if named else running or DEFAULT_URL
    pid = stored.owner_pid(config.data_dir) if config.embedded else None
    return [
        machine.check_python(),
        *machine.check_extras(embedded=config.embedded),
        machine.check_disk(config.data_dir),
        answering.check_clock(),
        *machine.check_ports(config, pid),
        *stored.check_store(config),
        *answering.check_collector(asked, os.environ.get("GROUNDTRACE_API_KEY"), named=named),
    ]
