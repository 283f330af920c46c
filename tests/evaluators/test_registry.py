import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from groundtrace_evaluators import (
    ENTRY_POINT_GROUP,
    EvaluatorLoadError,
    Groundedness,
    UnknownEvaluatorError,
    evaluate,
    get,
    names,
    registry,
)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two packages that offer an evaluator: one that is sound but badly named, and one that is not there."""
    points = [
        EntryPoint("groundedness", "tests.evaluators.test_evaluator:Fragile", ENTRY_POINT_GROUP),
        EntryPoint("fragile", "tests.evaluators.test_evaluator:Fragile", ENTRY_POINT_GROUP),
        EntryPoint("gone", "no_such_package:Thing", ENTRY_POINT_GROUP),
        EntryPoint("number", "math:tau", ENTRY_POINT_GROUP),
        EntryPoint("dictionary", "builtins:dict", ENTRY_POINT_GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == ENTRY_POINT_GROUP else [])
    registry._entry_points.cache_clear()
    yield
    registry._entry_points.cache_clear()


def test_the_four_first_evaluators_are_built_in() -> None:
    assert {"context_relevance", "embedding_similarity", "groundedness", "hallucination_score"} <= set(
        names()
    )


def test_an_evaluator_is_called_by_name() -> None:
    score = evaluate("groundedness", input="Bern lies on the Aare.", output="Bern lies on the Aare.")

    assert score.score == 1.0


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(UnknownEvaluatorError, match=r"'groundednes'; there are: .*groundedness"):
        get("groundednes")


def test_a_keyword_that_the_evaluator_does_not_take_is_an_error() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        evaluate("groundedness", nonsense="x")


@pytest.mark.usefixtures("installed")
def test_an_installed_package_adds_an_evaluator() -> None:
    assert get("fragile").version == "7"


@pytest.mark.usefixtures("installed")
def test_an_installed_package_cannot_replace_a_built_in_evaluator() -> None:
    assert isinstance(get("groundedness"), Groundedness)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["gone", "number", "dictionary"])
def test_a_broken_package_is_named_and_harms_no_other(name: str) -> None:
    with pytest.raises(EvaluatorLoadError, match=f"evaluator '{name}'"):
        get(name)
    assert get("context_relevance").name == "context_relevance"


@pytest.mark.usefixtures("installed")
def test_an_evaluator_without_keywords_is_pointed_to_cases() -> None:
    with pytest.raises(TypeError, match=r"get\('fragile'\)\.evaluate_case"):
        evaluate("fragile", input="x")


def test_importing_the_evaluators_loads_no_heavy_library() -> None:
    program = (
        "import sys, groundtrace_evaluators as e; [e.get(n) for n in e.names()];"
        "print([m for m in ('numpy', 'scipy', 'sklearn', 'onnxruntime', 'httpx', 'groundtrace_collector')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_these() -> None:
    import groundtrace_evaluators

    assert len(set(groundtrace_evaluators.__all__)) == len(groundtrace_evaluators.__all__)
    assert all(hasattr(groundtrace_evaluators, name) for name in groundtrace_evaluators.__all__)
