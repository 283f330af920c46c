import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from groundtrace.errors import ConfigError
from groundtrace_evaluators import Case, ContextRelevance, EmbeddingSimilarity, Status
from groundtrace_evaluators.encoders import (
    Embedding,
    EmbeddingSpaceError,
    EncoderFailedError,
    FunctionEncoder,
    Role,
    cosine,
)
from groundtrace_evaluators.encoders_endpoint import EndpointEncoder
from groundtrace_evaluators.onnx_cross_encoder import OnnxCrossEncoder, probability
from groundtrace_evaluators.onnx_encoder import OnnxEncoder, Pooling
from tests.evaluators.judge.stub import Answer, Judge, serving
from tests.evaluators.onnx.folders import make_cross_encoder, make_encoder

TEXTS = ("tunnel long", "the tunnel opened", "cat sleeps", "Bern Aare tunnel cat long")


def raw(folder: Path, text: str, pair: str | None = None) -> NDArray[np.float32]:
    """What onnxruntime gives for a text or a pair, with nothing of ours in between."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoding = tokenizer.encode(text, pair)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    feed = {
        "input_ids": np.array([encoding.ids]),
        "attention_mask": np.array([encoding.attention_mask]),
        "token_type_ids": np.array([encoding.type_ids]),
    }
    found: NDArray[np.float32] = session.run(None, feed)[0]
    return found


def raw_cosine(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    return float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right)))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_similarity_equals_that_of_raw_onnxruntime(pooling: Pooling, tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "tiny")
    evaluator = EmbeddingSimilarity(encoder=OnnxEncoder(folder, pooling=pooling))

    for left in TEXTS:
        for right in TEXTS:
            hidden = [raw(folder, text)[0] for text in (left, right)]
            wanted = raw_cosine(*(h.mean(axis=0) if pooling == "mean" else h[0] for h in hidden))
            score = evaluator.evaluate(response=left, expected_response=right).score
            assert score == pytest.approx(max(0.0, wanted), abs=1e-4)


def test_an_output_that_is_pooled_already_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "tiny", pooled=True)

    (found,) = OnnxEncoder(folder, normalized=False).encode(["cat sleeps"], role=Role.DOCUMENT)

    assert found.values == pytest.approx(raw(folder, "cat sleeps")[0].tolist(), abs=1e-6)


def test_normalised_vectors_have_length_one_and_prefixes_are_put_before(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "tiny")
    encoder = OnnxEncoder(folder, query_prefix="query: ", normalized=False)

    (asked,) = encoder.encode(["tunnel"], role=Role.QUERY)
    (stored,) = encoder.encode(["tunnel"], role=Role.DOCUMENT)
    (unit,) = OnnxEncoder(folder).encode(["tunnel"], role=Role.DOCUMENT)

    assert asked.values == pytest.approx(raw(folder, "query: tunnel")[0].mean(axis=0).tolist(), abs=1e-6)
    assert stored.values == pytest.approx(raw(folder, "tunnel")[0].mean(axis=0).tolist(), abs=1e-6)
    assert np.linalg.norm(unit.values) == pytest.approx(1.0)


@pytest.mark.parametrize("classes", [1, 2])
def test_relevance_equals_that_of_raw_onnxruntime(classes: int, tmp_path: Path) -> None:
    folder = make_cross_encoder(tmp_path / "tiny", classes=classes)
    evaluator = ContextRelevance(cross_encoder=OnnxCrossEncoder(folder))

    score = evaluator.evaluate(input="tunnel opened", output=TEXTS)

    logits = [raw(folder, "tunnel opened", text)[0].astype(float) for text in TEXTS]
    wanted = [
        1 / (1 + np.exp(-row[0])) if classes == 1 else np.exp(row[1]) / np.exp(row).sum() for row in logits
    ]
    assert [piece.score for piece in score.evidence] == pytest.approx(wanted, abs=1e-4)
    assert score.score == pytest.approx(max(wanted), abs=1e-4)
    assert (score.cost_usd, score.status) == (0.0, Status.OK)


def test_extreme_logits_stay_probabilities() -> None:
    found = [probability(np.array([value], dtype=np.float32)) for value in (-1e4, 0.0, 1e4)]

    assert found == [0.0, 0.5, 1.0]


def test_a_long_passage_is_read_in_parts_and_nothing_is_cut(tmp_path: Path) -> None:
    encoder = OnnxEncoder(make_encoder(tmp_path / "tiny", max_tokens=16))
    cross = OnnxCrossEncoder(make_cross_encoder(tmp_path / "cross", max_tokens=24))
    long = "cat sleeps " * 30 + "tunnel opened " * 3 + "cat sleeps " * 30

    parts = encoder.parts(long, role=Role.DOCUMENT)
    best = EmbeddingSimilarity(encoder=encoder).evaluate(response="tunnel opened", expected_response=long)
    whole = EmbeddingSimilarity(encoder=encoder).evaluate(
        response="tunnel opened", expected_response="cat sleeps"
    )
    (read,) = cross.scores("tunnel", [long])

    assert len(encoder.encode(parts, role=Role.DOCUMENT)) == len(parts) > 5
    assert " ".join(parts).count("tunnel") >= 3
    assert sum(len(part.split()) for part in parts) >= len(long.split())
    assert parts[-1].endswith("sleeps")
    assert best.score is not None
    assert whole.score is not None
    assert best.score > whole.score
    assert 0.0 <= read <= 1.0


def test_a_query_that_does_not_fit_is_truncated_not_scored(tmp_path: Path) -> None:
    encoder = OnnxEncoder(make_encoder(tmp_path / "tiny"))
    cross = OnnxCrossEncoder(make_cross_encoder(tmp_path / "cross"))
    query = "tunnel " * 40

    scores = (
        EmbeddingSimilarity(encoder=encoder).evaluate(response=query, expected_response="tunnel"),
        ContextRelevance(cross_encoder=cross).evaluate(input=query, output="tunnel"),
    )

    assert [(score.score, score.status) for score in scores] == [(None, Status.TRUNCATED)] * 2
    with pytest.raises(EncoderFailedError, match="does not fit"):
        encoder.encode([query], role=Role.QUERY)


def test_vectors_of_different_encoders_cannot_be_compared(tmp_path: Path) -> None:
    encoders = [OnnxEncoder(make_encoder(tmp_path / "one" / "m", seed=seed)) for seed in (0, 1)]

    left, right = (encoder.encode(["tunnel"], role=Role.DOCUMENT)[0] for encoder in encoders)

    with pytest.raises(EmbeddingSpaceError, match=f"fingerprints {left.fingerprint} and {right.fingerprint}"):
        cosine(left, right)
    with pytest.raises(EmbeddingSpaceError, match="2 and 1 dimensions"):
        cosine(Embedding((1.0, 2.0), "a"), Embedding((1.0,), "a"))


def test_the_fingerprint_covers_whatever_moves_a_vector(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "one" / "m")
    other = make_encoder(tmp_path / "two" / "m", seed=1)
    same = make_encoder(tmp_path / "three" / "m")
    options: list[dict[str, Any]] = [
        {}, {"pooling": "cls"}, {"normalized": False}, {"query_prefix": "query: "}, {"document_prefix": "query: "},
        {"max_tokens": 12},
    ]  # fmt: skip

    found = [OnnxEncoder(folder, **option).fingerprint for option in options] + [
        OnnxEncoder(other).fingerprint
    ]

    assert len(set(found)) == len(found)
    assert OnnxEncoder(same).fingerprint == found[0]


def test_scores_carry_the_fingerprint_in_method_and_version(tmp_path: Path) -> None:
    encoder = OnnxEncoder(make_encoder(tmp_path / "tiny"))
    cross = OnnxCrossEncoder(make_cross_encoder(tmp_path / "cross"))

    similar = EmbeddingSimilarity(encoder=encoder).evaluate(response="cat", expected_response="cat")
    relevant = ContextRelevance(cross_encoder=cross).evaluate(input="cat", output="cat")
    lexical = EmbeddingSimilarity().evaluate(response="cat", expected_response="cat")

    assert (similar.method, similar.version) == (
        f"encoder:{encoder.fingerprint}",
        f"{lexical.version}+{encoder.fingerprint}",
    )
    assert (relevant.method, relevant.version) == (
        f"cross-encoder:{cross.fingerprint}",
        f"{ContextRelevance().version}+{cross.fingerprint}",
    )
    assert lexical.method == "lexical"


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    encoder, cross = make_encoder(tmp_path / "e"), make_cross_encoder(tmp_path / "c", classes=3)
    broken = make_encoder(tmp_path / "broken")
    (broken / "model.onnx").write_bytes(b"nothing")
    bare = make_encoder(tmp_path / "bare")
    (bare / "tokenizer.json").unlink()

    with pytest.raises(ConfigError, match=r"holds no model\.onnx"):
        OnnxEncoder(tmp_path)
    with pytest.raises(ConfigError, match=r"holds no tokenizer\.json"):
        OnnxEncoder(bare)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        OnnxEncoder(broken)
    with pytest.raises(ConfigError, match="one or two numbers a pair"):
        OnnxCrossEncoder(cross)
    with pytest.raises(ConfigError, match="one or two numbers a pair"):
        OnnxCrossEncoder(encoder)


@pytest.mark.parametrize("library", ["onnxruntime", "tokenizers", "numpy"])
def test_an_absent_library_is_named_with_its_extra(library: str, tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "tiny")
    program = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from groundtrace_evaluators.onnx_encoder import OnnxEncoder\n"
        "from groundtrace.errors import MissingExtraError\n"
        f"try: OnnxEncoder({str(folder)!r})\n"
        "except MissingExtraError as exc: print(exc)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == f"{library} is not installed. Run: pip install 'groundtrace[evaluators-onnx]'\n"


def test_any_function_is_an_encoder() -> None:
    def embed(texts: Sequence[str]) -> list[list[float]]:
        return [[float(text.count(letter)) for letter in "abc"] for text in texts]

    encoder = FunctionEncoder(embed, model="letters", dimension=3)

    score = EmbeddingSimilarity(encoder=encoder).evaluate(response="ab", expected_response="abab")

    assert score.score == pytest.approx(1.0)
    assert score.cost_usd is None


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        pytest.param([[1.0]], "has 1 dimensions", id="size"),
        pytest.param([], "gave 0 vectors", id="count"),
        pytest.param([[1.0, float("nan")]], "not finite", id="nan"),
    ],
)
def test_a_function_that_gives_something_else_is_told(vectors: list[list[float]], message: str) -> None:
    encoder = FunctionEncoder(lambda _: vectors, model="m", dimension=2)

    with pytest.raises(EmbeddingSpaceError, match=message):
        encoder.encode(["x"], role=Role.QUERY)


def letters(request: dict[str, Any]) -> Answer:
    """An embeddings endpoint that counts letters, and answers out of order."""
    data = [
        {"object": "embedding", "index": index, "embedding": [float(text.count(letter)) for letter in "abc"]}
        for index, text in enumerate(request["input"])
    ]
    return Answer(json.dumps({"object": "list", "data": data[::-1], "model": "m"}).encode())


def at(endpoint: Judge, **options: Any) -> EmbeddingSimilarity:
    defaults: dict[str, Any] = {"base_url": endpoint.url, "model": "m", "dimension": 3, "max_retries": 0}
    return EmbeddingSimilarity(encoder=EndpointEncoder(**defaults | options))


def test_an_embeddings_endpoint_is_an_encoder() -> None:
    with serving(letters) as endpoint:
        score = at(endpoint, api_key="k", query_prefix="c").evaluate_case(
            Case(query="ab", context=("aab", "abc", "c" * 3))
        )

    assert score.score == pytest.approx(1.0)
    assert [piece.score for piece in score.evidence] == pytest.approx([3 / np.sqrt(15), 1.0, 1 / np.sqrt(3)])
    assert score.cost_usd is None
    assert endpoint.headers[0]["authorization"] == "Bearer k"
    assert [request["input"] for request in endpoint.requests] == [["cab"], ["aab", "abc", "ccc"]]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(Answer(status=429), Status.RATE_LIMITED, id="429"),
        pytest.param(Answer(status=500), Status.ERROR, id="500"),
        pytest.param(Answer(status=401), Status.ERROR, id="401"),
        pytest.param(Answer(hang_s=20.0), Status.TIMEOUT, id="hang"),
        pytest.param(Answer(drop=True), Status.ERROR, id="dropped"),
        pytest.param(Answer(b"<html>"), Status.PARSE_ERROR, id="html"),
        pytest.param(Answer(b'{"data": []}'), Status.PARSE_ERROR, id="none"),
        pytest.param(
            Answer(b'{"data": [{"index": 1, "embedding": [1, 2, 3]}]}'), Status.PARSE_ERROR, id="other"
        ),
        pytest.param(Answer(b'{"data": [{"index": 0, "embedding": ["NaN"]}]}'), Status.PARSE_ERROR, id="nan"),
        pytest.param(
            Answer(b'{"data": [{"index": 0, "embedding": [1.0]}]}'), Status.ERROR, id="another size"
        ),
    ],
)
def test_a_failing_endpoint_gives_its_status_and_no_number(answer: Answer, status: Status) -> None:
    with serving(lambda _: answer) as endpoint:
        score = at(endpoint, timeout_s=0.3).evaluate(response="a", expected_response="b")

    assert (score.score, score.status, score.cost_usd) == (None, status, None)


def test_an_endpoint_that_is_busy_is_asked_again() -> None:
    busy = iter([Answer(status=503, headers={"Retry-After": "0"})])
    with serving(lambda request: next(busy, None) or letters(request)) as endpoint:
        score = at(endpoint, max_retries=1).evaluate(response="a", expected_response="a")

    assert score.score == pytest.approx(1.0)
