"""A store's tables, read by a process of its own once the server has gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PROGRAM = """
import json, sys, clickhouse_connect
client = clickhouse_connect.get_client(dsn='chdb://' + sys.argv[1], database='groundtrace')
for name, statement in json.load(sys.stdin).items():
    for row in client.query(statement).named_results():
        print(json.dumps([name, row], default=str))
"""


def read_offline(store: Path, statements: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The rows of each statement, under its name."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(store / "engine")],
        input=json.dumps(dict(statements)), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in statements}
    for line in done.stdout.splitlines():
        name, row = json.loads(line)
        rows[name].append(row)
    return rows
