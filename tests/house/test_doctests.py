"""Examples in docstrings are true."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import groundtrace
import groundtrace_collector
import groundtrace_evaluators
import groundtrace_integrations

PACKAGES = (groundtrace, groundtrace_integrations, groundtrace_evaluators, groundtrace_collector)


def _modules() -> Iterator[str]:
    for package in PACKAGES:
        yield package.__name__
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield module.name


def _examples(module: ModuleType) -> list[doctest.DocTest]:
    return [found for found in doctest.DocTestFinder().find(module) if found.examples]


def test_the_examples_of_each_module_give_what_they_say() -> None:
    runner = doctest.DocTestRunner(verbose=False)
    for name in _modules():
        for example in _examples(importlib.import_module(name)):
            runner.run(example)

    assert runner.failures == 0
    assert runner.tries > 10
