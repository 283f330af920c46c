"""Evaluators that need settings, from a TOML file."""

from pathlib import Path

import pytest

from groundtrace.errors import ConfigError
from groundtrace_evaluators.case import Case
from groundtrace_evaluators.configured import load_configured
from groundtrace_evaluators.embedding_similarity import EmbeddingSimilarity
from groundtrace_evaluators.judge import JudgedGroundedness
from tests.evaluators.judge.stub import serving
from tests.evaluators.onnx.folders import make_cross_encoder, make_encoder

CASE = Case(query="Is it a cat?", context=("The cat sleeps in Bern.",), answer="The cat sleeps in Bern.")
PRICES = "prices = { stub = { input_usd_per_million = 1.0, output_usd_per_million = 2.0 } }"


def write(path: Path, text: str) -> Path:
    file = path / "evaluators.toml"
    file.write_text(text)
    return file


def test_a_judge_has_the_name_of_its_table_and_the_key_of_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDTRACE_JUDGE_API_KEY", "of-another-endpoint")
    with serving() as endpoint:
        judge = f'use = "judged_groundedness"\nbase_url = "{endpoint.url}"\nmodel = "stub"\n{PRICES}'
        text = f'[judge_mini]\n{judge}\napi_key_env = "MINI_KEY"\n[judge_open]\n{judge}\n'
        found = load_configured(write(tmp_path, text), {"MINI_KEY": "k1"})
        scores = [evaluator.evaluate_case(CASE) for evaluator in found.values()]
        for each in found.values():
            assert isinstance(each, JudgedGroundedness)
            each.close()

    assert [score.name for score in scores] == ["judge_mini", "judge_open"]
    assert [score.score for score in scores] == [1.0, 1.0]
    sent = [{name.lower(): value for name, value in each.items()} for each in endpoint.headers]
    assert [each.get("authorization") for each in sent] == ["Bearer k1", None]


def test_what_a_judge_can_cost_is_above_what_it_does_cost_and_nothing_where_it_is_not_asked(
    tmp_path: Path,
) -> None:
    with serving() as endpoint:
        text = f'[mini]\nuse = "judged_groundedness"\nbase_url = "{endpoint.url}"\nmodel = "stub"\n{PRICES}\n'
        judge = load_configured(write(tmp_path, text), {})["mini"]
        most, cost = judge.most_usd(CASE), judge.evaluate_case(CASE).cost_usd
        declined = judge.most_usd(Case(context=("x",), answer="I do not know."))
        (body,) = endpoint.requests
        assert isinstance(judge, JudgedGroundedness)
        judge.close()

    assert most is not None
    assert cost is not None
    assert 0.0 < cost < most < 1.0
    assert most > 8 * (len(str(body)) + 1_000) / 1e6
    assert declined == 0.0


def test_without_a_price_what_a_judge_can_cost_is_not_known(tmp_path: Path) -> None:
    text = '[mini]\nuse = "judged_groundedness"\nbase_url = "http://127.0.0.1:9"\nmodel = "stub"\n'
    judge = load_configured(write(tmp_path, text), {})["mini"]

    assert judge.most_usd(CASE) is None


def test_model_folders_make_encoders_and_cross_encoders(tmp_path: Path) -> None:
    encoder, cross = make_encoder(tmp_path / "encoder"), make_cross_encoder(tmp_path / "cross")
    text = f"""
[similarity_tiny]
use = "embedding_similarity"
encoder = {{ folder = "{encoder}" }}

[similarity_api]
use = "embedding_similarity"
encoder = {{ base_url = "http://127.0.0.1:9/v1", model = "m", dimension = 3, api_key_env = "K" }}

[relevance_tiny]
use = "context_relevance"
cross_encoder = {{ folder = "{cross}" }}
"""
    found = load_configured(write(tmp_path, text), {"K": "k"})

    scores = {name: found[name].evaluate_case(CASE) for name in ("similarity_tiny", "relevance_tiny")}
    assert [score.name for score in scores.values()] == ["similarity_tiny", "relevance_tiny"]
    assert all(score.score is not None for score in scores.values())
    assert found["similarity_tiny"].version != EmbeddingSimilarity.version
    assert [found[name].most_usd(CASE) for name in found] == [0.0, None, 0.0]
    assert EmbeddingSimilarity.name == "embedding_similarity"


JUDGE = '[mini]\nuse = "judged_groundedness"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[mini", "cannot be read", id="no-toml"),
        pytest.param("[mini]\nmodel = 'm'", r"\[mini\] .*use", id="no-use"),
        pytest.param("[mini]\nuse = 'margin'", r"\[mini\] .*'margin'", id="other-use"),
        pytest.param("[groundedness]\nuse = 'judged_groundedness'", "built-in", id="built-in-name"),
        pytest.param(f"{JUDGE}model = 'm'", r"\[mini\] judge: base_url is not set", id="no-url"),
        pytest.param(f"{JUDGE}api_key = 'sk-1'", r"no key belongs into a file", id="key"),
        pytest.param(f"{JUDGE}api_key_env = 'NOWHERE'", "NOWHERE is not set", id="key-not-set"),
        pytest.param(
            "[s]\nuse = 'embedding_similarity'\nencoder = {folder = '/nowhere'}",
            r"\[s\] .*/nowhere",
            id="folder",
        ),
        pytest.param("[s]\nuse = 'embedding_similarity'", r"\[s\] .*encoder", id="no-encoder"),
        pytest.param("mini = 3", r"\[mini\] ", id="no-table"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_table_and_setting(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        load_configured(write(tmp_path, text), {})

    assert "sk-1" not in str(refused.value)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"GROUNDTRACE_EVALUATORS: .*nowhere.toml cannot be read"):
        load_configured(tmp_path / "nowhere.toml", {})
