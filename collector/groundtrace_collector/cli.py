"""The `groundtrace` command: the group's entry point, and nothing that needs an extra.

The script is installed with every `pip install groundtrace`, so this module imports only the standard
library and the SDK's errors; click comes with the extra `collector`.
"""

from __future__ import annotations

import importlib.util
import sys

from groundtrace.errors import GroundtraceError

_INSTALL = "pip install 'groundtrace[collector,embedded]'"


def main() -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 misused.

    Without click it prints one line that names the missing extra. An expected error (a GroundtraceError)
    is one line on stderr; only a fault of groundtrace itself shows a traceback.
    """
    if importlib.util.find_spec("click") is None:
        print(  # noqa: T201  (click's echo is what is missing)
            f"groundtrace: the command line is not installed. Run: {_INSTALL}",
            file=sys.stderr,
        )
        return 1
    from groundtrace_collector.commands.group import command

    try:
        command.main(prog_name="groundtrace")
    except GroundtraceError as error:
        print(f"groundtrace: {_one_line(error)}", file=sys.stderr)  # noqa: T201
        return 1
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)


def _one_line(error: GroundtraceError) -> str:
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
