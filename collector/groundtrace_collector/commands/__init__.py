"""The subcommands of `groundtrace`, one module each; `group.py` loads them by name when they are run."""
