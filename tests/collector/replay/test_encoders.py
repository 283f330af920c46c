"""Encoders by their address."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_collector.replay.encoders import encoder_at
from groundtrace_collector.replay.report import ReplayError
from tests.evaluators.judge.stub import Answer, serving
from tests.evaluators.onnx.folders import make_encoder

if TYPE_CHECKING:
    from pathlib import Path

HERE = "tests.collector.replay.letters"


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        pytest.param("letters", "letters@2", id="langchain"),
        pytest.param("encodes", f"{HERE}:encodes", id="encode"),
        pytest.param("counts", f"{HERE}:counts", id="function"),
    ],
)
def test_a_python_object_is_an_encoder_of_unit_vectors(attribute: str, name: str) -> None:
    encoder = encoder_at(f"{HERE}:{attribute}")

    queries, documents = encoder.queries(["aab", ""]), encoder.documents(["aab"])

    assert encoder.name == name
    assert np.linalg.norm(queries, axis=1).tolist() == pytest.approx([1.0, 0.0])
    assert queries[0].tolist() == documents.rows[0].tolist()


def test_an_object_names_its_own_space_and_counts_its_own_tokens() -> None:
    encodes, letters = encoder_at(f"{HERE}:encodes"), encoder_at(f"{HERE}:letters")

    assert (encodes.fingerprint(26), encodes.tokens(["a b", "c"])) == ("f00d", 3)
    assert letters.fingerprint(26) == embedding_fingerprint(model="letters", version="2", dimension=26)
    assert letters.tokens(["a"]) is None


def test_options_of_an_address_are_another_space() -> None:
    plain, prefixed = encoder_at(f"{HERE}:letters"), encoder_at(f"{HERE}:letters#query_prefix=query:+")

    assert prefixed.queries(["a"]).tolist() == plain.queries(["query: a"]).tolist()
    assert prefixed.documents(["a"]).rows.tolist() == plain.documents(["a"]).rows.tolist()
    assert prefixed.fingerprint(26) != plain.fingerprint(26)


def _letters(request: dict[str, Any]) -> Answer:
    data = [
        {"index": index, "embedding": [float(text.count(each)) for each in "abc"]}
        for index, text in enumerate(request["input"])
    ]
    return Answer(json.dumps({"data": data}).encode())


def test_an_endpoint_is_an_encoder_with_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with serving(_letters) as endpoint:
        encoder = encoder_at(f"{endpoint.url}#model=m&dimension=3&version=7")
        found = encoder.queries(["aa", "b"])

    assert (encoder.name, found.tolist()) == ("m@7", [[1, 0, 0], [0, 1, 0]])
    assert endpoint.headers[0]["authorization"] == "Bearer k"


def test_a_folder_is_an_encoder_that_parts_long_documents_and_counts_tokens(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "mini", max_tokens=16)
    encoder = encoder_at(str(folder))

    found = encoder.documents(["tunnel " * 40, "cat"])

    assert encoder.name == "mini"
    assert len(found.rows) > 3
    assert found.starts.tolist() == [0, len(found.rows) - 1]
    assert encoder.tokens(["cat sleeps"]) == 4  # with [CLS] and [SEP]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        pytest.param("minilm", "is no encoder: give module:attribute", id="word"),
        pytest.param("nowhere.at.all:x", "No module named 'nowhere'", id="module"),
        pytest.param(f"{HERE}:nothing", "has no attribute 'nothing'", id="attribute"),
        pytest.param(f"{HERE}:Letters", "a class has to be instantiated", id="class"),
        pytest.param(f"{HERE}:VOWELS", "is str", id="text"),
        pytest.param(f"{HERE}:letters#pooling=cls", "no option 'pooling'", id="option"),
        pytest.param("http://127.0.0.1:9/v1", "lacks #model=NAME&dimension=N", id="endpoint"),
    ],
)
def test_an_address_that_is_wrong_is_told(address: str, said: str) -> None:
    with pytest.raises(ReplayError, match=said):
        encoder_at(address)


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        pytest.param("flat", r"an array of shape \(2,\) for 2 texts", id="numbers"),
        pytest.param("ragged", "no vectors of one size", id="ragged"),
        pytest.param("infinite", "not finite", id="infinite"),
    ],
)
def test_what_is_no_vector_is_told(attribute: str, said: str) -> None:
    with pytest.raises(ReplayError, match=said):
        encoder_at(f"{HERE}:{attribute}").queries(["a", "b"])


def test_what_an_encoder_raises_is_one_line_with_its_place() -> None:
    said = r"failing' failed on 2 texts: OSError: no model file \(.*letters\.py, line \d+\)$"
    with pytest.raises(ReplayError, match=said):
        encoder_at(f"{HERE}:failing").queries(["a", "b"])


def test_an_endpoint_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ReplayError, match="cannot be reached"):
        encoder_at("http://127.0.0.1:9/v1#model=m&dimension=3").queries(["a"])
