# ruff: noqa: ARG001, ARG005 - stand-ins have the signatures of what they stand for
"""Patches that come off again, whoever else has been at the class meanwhile."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from groundtrace_integrations.patches import Method, Patches


def shouting(original: Method) -> Method:
    def shout(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs).upper()

    return shout


@pytest.fixture
def patches() -> Iterator[Patches]:
    patches = Patches()
    yield patches
    patches.undo()


def talker() -> Any:
    class Talker:
        def say(self) -> str:
            return "hello"

    return Talker


def test_method_is_replaced_and_restored(patches: Patches) -> None:
    cls = talker()
    before = cls.__dict__["say"]

    patches.method(cls, "say", shouting)
    assert cls().say() == "HELLO"

    patches.undo()
    assert cls.__dict__["say"] is before


def test_inherited_methods_are_left_to_the_class_that_has_them(patches: Patches) -> None:
    base = talker()
    child = type("Child", (base,), {})

    patches.method(child, "say", shouting)

    assert "say" not in child.__dict__
    assert child().say() == "hello"


def test_a_method_is_wrapped_once(patches: Patches) -> None:
    cls = talker()
    patches.method(cls, "say", shouting)
    once = cls.__dict__["say"]

    patches.method(cls, "say", shouting)

    assert cls.__dict__["say"] is once


def test_somebody_elses_wrapper_is_not_torn_off(patches: Patches) -> None:
    cls = talker()
    patches.method(cls, "say", shouting)
    ours = cls.__dict__["say"]
    cls.say = lambda self: ours(self) + "!"

    patches.undo()

    assert cls().say() == "HELLO!"


def test_present_and_later_subclasses_at_any_depth_are_patched(patches: Patches) -> None:
    base = talker()
    child = type("Child", (base,), {"say": lambda self: "child"})
    grandchild = type("Grandchild", (child,), {"say": lambda self: "grandchild"})

    patches.subclasses(base, {"say": shouting})
    later = type("Later", (grandchild,), {"say": lambda self: "later"})

    assert (child().say(), grandchild().say(), later().say()) == ("CHILD", "GRANDCHILD", "LATER")
    assert base().say() == "hello"


def test_init_subclass_of_the_library_still_runs_and_comes_back(patches: Patches) -> None:
    registered: list[tuple[str, dict[str, Any]]] = []

    class Registering:
        def __init_subclass__(cls, **kwargs: Any) -> None:
            super().__init_subclass__()
            registered.append((cls.__name__, kwargs))

    before = Registering.__dict__["__init_subclass__"]
    patches.subclasses(Registering, {"say": shouting})

    class Registered(Registering, colour="red"):
        pass

    assert registered == [(Registered.__name__, {"colour": "red"})]
    patches.undo()
    assert Registering.__dict__["__init_subclass__"] is before


def test_class_that_cannot_be_wrapped_can_still_be_defined(
    patches: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROUNDTRACE_RAISE_FAULTS")
    base = talker()

    def broken(original: Method) -> Method:
        raise ZeroDivisionError("ours")

    patches.subclasses(base, {"say": broken})
    child = type("Child", (base,), {"say": lambda self: "child"})

    assert child().say() == "child"


def test_function_is_replaced_wherever_it_was_imported(patches: Patches) -> None:
    def step() -> str:
        return "step"

    home, importer, stranger = (SimpleNamespace(step=step), SimpleNamespace(step=step), SimpleNamespace())
    holders = [importer, stranger]

    patches.function(home, "step", lambda: holders, shouting)
    assert (home.step(), importer.step()) == ("STEP", "STEP")
    holders.append(SimpleNamespace(step=home.step))  # somebody imports it later

    patches.undo()
    assert home.step is importer.step is holders[-1].step is step


def test_what_was_hooked_besides_is_taken_back_last_first(patches: Patches) -> None:
    order: list[int] = []
    patches.hook(lambda: order.append(1))
    patches.hook(lambda: order.append(2))

    patches.undo()
    patches.undo()

    assert order == [2, 1]
