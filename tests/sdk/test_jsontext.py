"""JSON of an app's values: the same words, whichever encoder the app's environment has."""

import sys
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from groundtrace import jsontext

Pair = namedtuple("Pair", "a b")  # noqa: PYI024 - as apps have them


class Text(str):
    __slots__ = ("extra",)


class Plain(Enum):
    RED = "red"


class Worded(StrEnum):
    A = "a"


class Numbered(IntEnum):
    TWO = 2


@dataclass
class Record:
    _hidden: int
    shown: Any


class Silent:
    def __str__(self) -> str:
        raise RuntimeError("no words")


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
VALUES = [
    pytest.param(
        {"q": 'é "x"\n\x00', "k": (1, 2.5, None, True)},
        '{"q":"é \\"x\\"\\n\\u0000","k":[1,2.5,null,true]}',
        id="plain",
    ),
    pytest.param(
        [Text("t"), Worded.A, Numbered.TWO, Plain.RED], '["t","a",2,"red"]', id="texts and enums of their own"
    ),
    pytest.param({1: "a", None: "b"}, '{"1":"a","null":"b"}', id="keys that are no strings"),
    pytest.param([Pair(1, 2), {3}, frozenset()], "[[1,2],[3],[]]", id="tuples with names, sets"),
    pytest.param(
        [np.float32(0.5), np.float64(0.25), np.int64(3), np.zeros((2, 2))],
        '[0.5,0.25,3,"<ndarray of shape 2x2>"]',
        id="numpy",
    ),
    pytest.param(
        Record(1, Record(2, "x")), '{"_hidden":1,"shown":{"_hidden":2,"shown":"x"}}', id="dataclasses"
    ),
    pytest.param(
        [datetime(2026, 1, 2, 3, tzinfo=UTC), date(2026, 1, 2)],
        '["2026-01-02 03:00:00+00:00","2026-01-02"]',
        id="dates",
    ),
    pytest.param(UUID(int=1), '"00000000-0000-0000-0000-000000000001"', id="a uuid"),
    pytest.param([b"abc", Silent()], '["<3 bytes>","<Silent>"]', id="bytes, and what has no words"),
    pytest.param([2**70, -(2**63)], "[1180591620717411303424,-9223372036854775808]", id="large numbers"),
    pytest.param(["\ud800"], '["\ud800"]', id="a lone surrogate"),
    pytest.param([[["x"]] * 2] * 2, '[[["x"],["x"]],[["x"],["x"]]]', id="one object in several places"),
    pytest.param(CYCLE, '"[[...]]"', id="a cycle"),
]


@pytest.fixture(params=["orjson", "json"])
def encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Either encoder; nothing of the choice is left behind."""
    if request.param == "json":
        monkeypatch.setitem(sys.modules, "orjson", None)
    else:
        pytest.importorskip("orjson")
    jsontext._encoders.cache_clear()
    yield request.param
    jsontext._encoders.cache_clear()


@pytest.mark.usefixtures("encoder")
@pytest.mark.parametrize(("value", "text"), VALUES)
def test_a_value_is_the_same_text_with_either_encoder(value: object, text: str) -> None:
    assert jsontext.json_text(value, 100) == text


@pytest.mark.usefixtures("encoder")
def test_long_lists_end_with_how_many_more_there_are() -> None:
    assert jsontext.json_text(list(range(1_005)), 100).endswith(',999,"… 5 more"]')
