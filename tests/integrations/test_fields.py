"""Fields are read alike from whatever a client hands about."""

from collections import UserDict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, PrivateAttr

from groundtrace_integrations.fields import field


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    said: str
    empty: str | None = None
    _kept: str = PrivateAttr(default="private")

    @property
    def shout(self) -> str:
        return self.said.upper()


class Closed(BaseModel):
    said: str


@dataclass
class Plain:
    said: str


class Slotted:
    __slots__ = ("said",)

    def __init__(self) -> None:
        self.said = "yes"


class Lazy:
    def __getattr__(self, name: str) -> str:
        if name == "said":
            return "yes"
        raise AttributeError(name)


@pytest.mark.parametrize(
    "source",
    [
        {"said": "yes"},
        UserDict({"said": "yes"}),
        Model(said="yes"),
        Closed(said="yes"),
        Model.model_construct(said="yes"),
        Plain("yes"),
        SimpleNamespace(said="yes"),
        Slotted(),
        Lazy(),
    ],
    ids=lambda source: type(source).__name__,
)
def test_what_is_there_is_found_and_what_is_not_is_none(source: Any) -> None:
    assert field(source, "said") == "yes"
    assert field(source, "missing") is None


def test_a_models_extras_defaults_and_properties_are_found() -> None:
    model = Model.model_validate({"said": "yes", "more": 1})

    assert (field(model, "more"), field(model, "shout"), field(model, "empty")) == (1, "YES", None)
    assert field(Model.model_construct(said="x"), "more") is None


@pytest.mark.parametrize("source", [None, 3, "text", [1]], ids=["none", "int", "str", "list"])
def test_what_has_no_fields_has_none(source: Any) -> None:
    assert field(source, "said") is None
