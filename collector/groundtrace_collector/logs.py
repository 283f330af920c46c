"""Log lines on stderr: a sentence each for people, or one JSON object each for programs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["human", "json"]


class JsonFormatter(logging.Formatter):
    """One object a line: `at`, `level`, `logger`, `message`, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to_stderr(program: str, log_format: LogFormat) -> None:
    """Log warnings and worse of everything; as JSON also what the collector does (start, stop)."""
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        handler.setFormatter(JsonFormatter())
        logging.getLogger("groundtrace_collector").setLevel(logging.INFO)
    else:
        handler.setFormatter(logging.Formatter(f"{program}: %(message)s"))
    for library in ("clickhouse_connect", "urllib3"):
        # What goes wrong there reaches the collector as an error, which says it once and without the request.
        logging.getLogger(library).setLevel(logging.ERROR)
    # Its warnings are of what clients send; anybody could fill the log with them.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
