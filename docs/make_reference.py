"""Makes docs/reference.md from the code: commands, endpoints, Python names, attributes, settings.

Run by `make docs`; a test fails when the file is out of date.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined

import groundtrace
import groundtrace_evaluators
from groundtrace import semconv
from groundtrace_collector.app import ROUTED
from groundtrace_collector.commands.group import command as group
from groundtrace_collector.config import CollectorConfig

TARGET = Path(__file__).with_name("reference.md")


def reference() -> str:
    """The whole page as Markdown."""
    sections = [
        "# Reference\n\nMade from the code by `make docs`; do not edit.",
        "## Commands\n\nData to stdout, words to stderr; exit 0 done, 1 failed, 2 misused.",
        *_commands(group, "groundtrace"),
        "## HTTP\n\n| method | path | what |\n|---|---|---|\n" + "\n".join(_endpoints()),
        "## Settings of the collector\n\n| field | default | what |\n|---|---|---|\n"
        + "\n".join(_settings()),
        "## Python: `groundtrace`\n\n" + "\n\n".join(_names(groundtrace)),
        "## Python: `groundtrace_evaluators`\n\n" + "\n\n".join(_names(groundtrace_evaluators)),
        "## Attributes\n\nEvery attribute key that the SDK writes.\n\n" + "\n".join(_attributes()),
    ]
    return "\n\n".join(sections) + "\n"


def _commands(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    if isinstance(command, click.Group):
        if command.invoke_without_command:
            yield _command(command, context, path)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _commands(child, f"{path} {name}")
        return
    yield _command(command, context, path)


def _command(command: click.Command, context: click.Context, path: str) -> str:
    options = [
        f"- `{', '.join(option.opts)}`: {option.help}"
        for option in command.params
        if isinstance(option, click.Option) and option.help
    ]
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    text = inspect.cleandoc(command.help or "").split("\f")[0]
    return "\n\n".join(part for part in (f"### `{usage}`", text, "\n".join(options)) if part)


def _endpoints() -> Iterator[str]:
    routes = [route for module in ROUTED for route in module.router.routes if isinstance(route, APIRoute)]
    routes = [
        route for route in routes if route.path == "/" or not route.path.endswith("/")
    ]  # the same twice
    for route in sorted(routes, key=lambda route: (route.path, sorted(route.methods))):
        yield f"| {', '.join(sorted(route.methods))} | `{route.path}` | {_first_line(route.endpoint)} |"


def _settings() -> Iterator[str]:
    for name, field in CollectorConfig.model_fields.items():
        default = "" if field.default is PydanticUndefined else f"`{field.default}`"
        yield f"| `{name}` | {default} | {field.description or ''} |"


def _names(module: ModuleType) -> Iterator[str]:
    for name in sorted(module.__all__):
        value = getattr(module, name)
        if not callable(value):
            continue
        yield f"### `{name}{_signature(value)}`\n\n{_first_line(value)}"


def _signature(value: Callable[..., object]) -> str:
    try:
        return str(inspect.signature(value)).replace("typing.", "").replace("collections.abc.", "")
    except ValueError:
        return ""


def _attributes() -> Iterator[str]:
    keys = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}
    for key in sorted(keys):
        yield f"- `{key}`"


def _first_line(value: object) -> str:
    return (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
    sys.stderr.write(f"wrote {TARGET}\n")
