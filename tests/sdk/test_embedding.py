"""What an encoder's span says of its vectors: always their size and length, themselves only when asked."""

import math
import random
from array import array
from typing import Any

import numpy as np
import pytest

import groundtrace
from groundtrace.embedding import speed_attributes, text_attributes, vector_attributes
from groundtrace.settings import TraceSettings, settings_from_env, use_settings
from tests.span_recorder import SpanRecorder

NORMS = ("embedding.norm.min", "embedding.norm.mean", "embedding.norm.max")
ALL = TraceSettings(vector_sample=1.0)


def kept(attributes: dict[str, Any]) -> dict[int, Any]:
    return {
        int(key.split(".")[2]): value
        for key, value in attributes.items()
        if key.endswith(".embedding.vector")
    }


@pytest.mark.parametrize(
    ("vectors", "dimension", "norms"),
    [
        pytest.param([3.0, 4.0], 2, (5, 5, 5), id="one-list"),
        pytest.param([[3.0, 4.0], [0.0, 1.0]], 2, (1, 3, 5), id="lists"),
        pytest.param(((3, 4), (0, 1)), 2, (1, 3, 5), id="tuples-of-ints"),
        pytest.param(np.array([[3, 4], [0, 1]], dtype=np.float32), 2, (1, 3, 5), id="matrix"),
        pytest.param([np.array([3, 4]), np.array([0, 1])], 2, (1, 3, 5), id="list-of-arrays"),
        pytest.param(np.array([[120, 50]], dtype=np.int8), 2, (130, 130, 130), id="int8-does-not-overflow"),
        pytest.param([array("f", [3, 4])], 2, (5, 5, 5), id="array"),
    ],
)
def test_dimension_and_norms_are_read_from_whatever_an_encoder_returns(
    vectors: object, dimension: int, norms: tuple[float, ...]
) -> None:
    attributes = vector_attributes(vectors, ALL)

    assert attributes["gen_ai.embeddings.dimension.count"] == dimension
    assert tuple(attributes[key] for key in NORMS) == norms
    assert kept(attributes)[0] == pytest.approx(np.ravel(np.asarray(vectors))[:dimension].tolist())


@pytest.mark.parametrize(
    "value",
    [None, "a text", [], ["a"], {"a": 1}, np.zeros((2, 3, 4)), [[[1.0]]], True],
    ids=["none", "text", "empty", "texts", "mapping", "cube", "nested", "bool"],
)
def test_what_is_no_vector_gives_nothing(value: object) -> None:
    assert vector_attributes(value, ALL) == {}


def test_an_empty_matrix_has_a_dimension_and_no_norms() -> None:
    assert vector_attributes(np.zeros((0, 8)), ALL) == {"gen_ai.embeddings.dimension.count": 8}


def test_vectors_that_break_off_keep_what_is_known() -> None:
    assert vector_attributes([[1.0], None], ALL) == {"gen_ai.embeddings.dimension.count": 1}


def test_vectors_on_a_graphics_card_are_left_there() -> None:
    class OnCard:
        shape = (2, 8)
        device = "cuda:0"

        def __getitem__(self, index: int) -> object:
            raise AssertionError("read, which stalls the card")

    assert vector_attributes(OnCard(), TraceSettings()) == {"gen_ai.embeddings.dimension.count": 8}


def test_norms_of_a_large_batch_are_taken_from_vectors_all_along_it() -> None:
    vectors = [[float(place), 0.0] for place in range(1, 10_001)]

    attributes = vector_attributes(vectors, TraceSettings())

    low, mean, high = (attributes[key] for key in NORMS)
    assert isinstance(low, float)
    assert isinstance(mean, float)
    assert isinstance(high, float)
    assert low < 200
    assert mean == pytest.approx(5_000, rel=0.02)
    assert high > 9_800


def test_no_vector_is_kept_unless_asked_for() -> None:
    assert kept(vector_attributes([[1.0, 2.0]], TraceSettings())) == {}


def test_a_share_keeps_about_that_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", random.Random(1).random)  # noqa: S311
    settings = TraceSettings(vector_sample=0.1)

    found = sum(len(kept(vector_attributes([1.0, 2.0], settings))) for _ in range(1_000))

    assert 70 < found < 130


def test_one_span_holds_at_most_32_vectors() -> None:
    places = kept(vector_attributes([[1.0]] * 1_000, ALL))

    assert len(places) == 32
    assert max(places) > 100


@pytest.mark.parametrize(
    ("environ", "share"),
    [
        pytest.param({}, 0.0, id="default"),
        pytest.param({"GROUNDTRACE_VECTOR_SAMPLE": "0.01"}, 0.01, id="sampled"),
        pytest.param(
            {"GROUNDTRACE_VECTOR_SAMPLE": "0.5", "OPENINFERENCE_HIDE_EMBEDDINGS_VECTORS": "true"},
            0.0,
            id="hidden-wins",
        ),
        pytest.param({"OPENINFERENCE_HIDE_EMBEDDINGS_VECTORS": "false"}, 1.0, id="as-openinference"),
        pytest.param(
            {"GROUNDTRACE_VECTOR_SAMPLE": "0.5", "OPENINFERENCE_HIDE_EMBEDDINGS_VECTORS": "false"},
            0.5,
            id="shown-but-sampled",
        ),
        pytest.param(
            {"GROUNDTRACE_VECTOR_SAMPLE": "1", "GROUNDTRACE_CONTENT": "ids"}, 0.0, id="texts-stay-in"
        ),
    ],
)
def test_the_environment_says_which_share(environ: dict[str, str], share: float) -> None:
    assert settings_from_env(environ).vector_share == share


def test_speed_and_batch_size() -> None:
    assert speed_attributes(text_count=30, duration_ns=1_500_000_000, batch_size=32) == {
        "embedding.texts_per_second": 20.0,
        "embedding.batch_size": 32,
    }
    assert speed_attributes(text_count=0, duration_ns=5) == {}


def test_hidden_texts_are_marked_and_counted() -> None:
    attributes = text_attributes(["a", "b"], TraceSettings(hide_embeddings_text=True))

    assert attributes == {
        "embedding.text_count": 2,
        "embedding.embeddings.0.embedding.text": "__REDACTED__",
        "embedding.embeddings.1.embedding.text": "__REDACTED__",
    }


def test_an_encoder_step_tells_speed_norms_and_the_share_of_its_vectors(spans: SpanRecorder) -> None:
    use_settings(TraceSettings(vector_sample=1.0))

    @groundtrace.encoder(model="hash", version="1", batch_size=2)
    def encode(texts: list[str]) -> list[list[float]]:
        return [[3.0, 4.0] for _ in texts]

    encode(["a", "b", "c"])

    attributes = dict(spans.one().attributes)
    assert attributes["embedding.batch_size"] == 2
    assert attributes["embedding.texts_per_second"] > 0
    assert attributes["embedding.norm.mean"] == 5.0
    assert kept(attributes) == {0: (3.0, 4.0), 1: (3.0, 4.0), 2: (3.0, 4.0)}


def test_vectors_are_given_by_hand_to_a_block(spans: SpanRecorder) -> None:
    with groundtrace.encoder(model="hash", texts="a question") as step:
        step.set_vectors([0.6, 0.8])

    attributes = spans.one().attributes
    assert attributes["gen_ai.embeddings.dimension.count"] == 2
    assert math.isclose(attributes["embedding.norm.max"], 1.0)
    assert attributes["embedding.fingerprint"]
