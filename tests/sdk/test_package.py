"""What `import groundtrace` gives and costs."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import groundtrace
from groundtrace import semconv
from groundtrace.errors import GroundtraceError

MODULES = sorted(name for _, name, _ in pkgutil.walk_packages(groundtrace.__path__, prefix="groundtrace."))
HEAVY = (
    "asyncio",
    "chdb",
    "google.protobuf",
    "grpc",
    "httpx",
    "langchain_core",
    "numpy",
    "opentelemetry.exporter",
    "opentelemetry.sdk",
    "pandas",
    "pydantic",
    "requests",
    "groundtrace_integrations",
    "groundtrace_evaluators",
    "groundtrace_collector",
)


def test_the_public_names_are_these() -> None:
    assert sorted(groundtrace.__all__) == [
        "ApiError",
        "AsyncClient",
        "Client",
        "ConfigError",
        "DecodeError",
        "Document",
        "ExportError",
        "GroundtraceError",
        "MissingExtraError",
        "cache",
        "chain",
        "context",
        "current_trace_id",
        "encoder",
        "fallback",
        "feedback",
        "flush",
        "instrument",
        "llm",
        "reranker",
        "retriever",
        "shadow",
        "split",
        "tool",
        "uninstrument",
    ]


def test_public_functions_are_not_hidden_by_modules_of_their_name() -> None:
    for module in MODULES:
        importlib.import_module(module)

    assert all(callable(getattr(groundtrace, name)) for name in groundtrace.__all__)


def test_importing_brings_nothing_heavy() -> None:
    code = f"import sys, groundtrace; print([m for m in {HEAVY!r} if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"


def test_importing_takes_under_0_4_seconds_of_cpu() -> None:
    code = "import time; began = time.process_time(); import groundtrace; print(time.process_time() - began)"

    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]

    assert min(times) < 0.4


@pytest.mark.parametrize("module", MODULES)
def test_doctests_hold(module: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(module))

    assert failed == 0


def test_each_attribute_key_is_spelt_once() -> None:
    keys = [value for name, value in vars(semconv).items() if name.isupper()]

    assert len(keys) == len(set(keys))


def test_every_error_is_in_the_tree_that_its_module_draws() -> None:
    from groundtrace import errors

    drawn = errors.__doc__ or ""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]

    assert all(issubclass(kind, GroundtraceError) and kind.__name__ in drawn for kind in kinds)
