"""Measure the evaluators against human labels.

    python benchmarks/evaluators.py [FOLDER]        # default: ../shared/data/evals beside the repository

For each evaluator and labelled set: AUROC (the chance that a good row outscores a bad one, unscored rows
ranking worst) with a 95 % bootstrap interval, balanced accuracy at the threshold the evaluator ships, the
same after ``calibrate`` on the other half of the rows with the calibration error (10 bins) of its
probabilities there, and CPU milliseconds a row. Groundedness stands beside ``mix``, the baseline it has to
beat, with the paired bootstrap interval of the difference. ``constructed`` marks wrong rows that were made,
not found.

The data is measured with, never shipped: several of its licences forbid it. Sets that are absent are skipped.
"""

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from groundtrace_evaluators import Case, calibrate, expected_calibration_error, get

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "evals"
GROUNDEDNESS_SETS = ("ragtruth_qa", "faithbench", "qags_cnndm", "qags_xsum", "begin", "wice")
RESAMPLES = 2_000
SPLITS = 5
WORST = -1e9

Row = dict[str, Any]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """Scores of one method on one labelled set; 1 is best, unscored rows hold ``WORST``."""

    labels: Values
    scores: Values
    unscored: int
    milliseconds: float


def load(folder: Path, name: str) -> list[Row]:
    """The labelled rows of one set; empty when the file is not there."""
    path = folder / f"{name}.jsonl"
    if not path.exists():
        print(f"{name}: skipped, {path} is not there", file=sys.stderr)
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["label"] is not None]


def measure(rows: Sequence[Row], score: Callable[[Row], float | None]) -> Measured:
    """Score every row, timing the whole in CPU time."""
    started = time.process_time()
    scores = [score(row) for row in rows]
    elapsed = time.process_time() - started
    return Measured(
        labels=np.array([row["label"] for row in rows], dtype=float),
        scores=np.array([WORST if value is None else value for value in scores], dtype=float),
        unscored=sum(value is None for value in scores),
        milliseconds=elapsed / len(rows) * 1000,
    )


def auroc(labels: Values, scores: Values) -> float:
    """Chance that a row with label 1 outscores one with label 0, ties counting half."""
    ranks = rankdata(scores)
    good = labels == 1
    positives, negatives = int(good.sum()), int((~good).sum())
    return float((ranks[good].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def resampled(labels: Values, *scores: Values) -> Values:
    """AUROC of each method on ``RESAMPLES`` samples of the rows, drawn within each label; shape (n, methods)."""
    generator = np.random.default_rng(0)
    good, bad = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    rounds = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([generator.choice(good, good.size), generator.choice(bad, bad.size)])
        rounds.append([auroc(labels[rows], values[rows]) for values in scores])
    return np.array(rounds)


def interval(samples: Values) -> str:
    """The middle 95 % of the samples."""
    low, high = np.quantile(samples, (0.025, 0.975))
    return f"{low:.3f} to {high:.3f}"


def balanced_accuracy(labels: Values, scores: Values, threshold: float) -> float:
    """Mean of the shares of good rows at or above and bad rows below the threshold."""
    return float(((scores[labels == 1] >= threshold).mean() + (scores[labels == 0] < threshold).mean()) / 2)


def calibrated(labels: Values, scores: Values) -> tuple[float, float]:
    """Balanced accuracy and calibration error on the half of the rows that ``calibrate`` had not seen.

    Mean over both halves of ``SPLITS`` random splits; an unscored row is judged bad, and has no probability.
    """
    found = []
    for split in range(SPLITS):
        first = np.random.default_rng(split).random(labels.size) < 0.5
        for known, held in ((first, ~first), (~first, first)):
            scored = known & (scores != WORST)
            calibration = calibrate(
                [
                    (float(score), bool(label))
                    for score, label in zip(scores[scored], labels[scored], strict=True)
                ],
                min_labels=10,
            )
            seen = held & (scores != WORST)
            probabilities = [calibration.probability(float(score)) for score in scores[seen]]
            outcomes = [bool(label) for label in labels[seen]]
            found.append(
                (
                    balanced_accuracy(labels[held], scores[held], calibration.threshold),
                    expected_calibration_error(probabilities, outcomes),
                )
            )
    accuracy, error = np.mean(found, axis=0)
    return float(accuracy), float(error)


def groundedness(row: Row) -> float | None:
    """The shipped evaluator on one row."""
    case = Case(query=row["query"], context=tuple(row["context"]), answer=row["answer"])
    return get("groundedness").evaluate_case(case).score


def relevance(row: Row) -> float | None:
    """The shipped evaluator on one row of a query and a passage."""
    case = Case(query=row["query"], context=tuple(row["context"]))
    return get("context_relevance").evaluate_case(case).score


def similarity(row: Row) -> float | None:
    """The shipped evaluator on one pair of texts."""
    return get("embedding_similarity").evaluate_case(Case(query=row["query"], context=(row["answer"],))).score


# The baseline "mix", written apart from the package so that nothing it shares can flatter either side.
_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_NUMBERS.split())}
_STOPS = """
    a an the of to in on at for by with and or but is are was were be been being it its this that these
    those as from has have had do does did not no so if then than also can will would may might there
    their they he she his her i you we our your my him them us which who whom what when where why how
    into over about such more most other some any all
"""
_STOP_WORDS = frozenset(_STOPS.split())


def _mix_tokens(text: str) -> list[tuple[str, float]]:
    tokens = []
    for match in re.finditer(r"\d[\d,.]*\d|\d|[A-Za-z]+(?:'[a-z]+)?", text):
        word = match[0].lower()
        if word[0].isdigit() or word in _NUMBER_WORDS:
            tokens.append((_NUMBER_WORDS.get(word, word.replace(",", "")), 2.0))
        elif word not in _STOP_WORDS:
            stem = next(
                (word.removesuffix(end) for end in ("ing", "ed", "es", "s", "ly") if word.endswith(end)), word
            )
            tokens.append((stem if len(stem) >= 3 else word, 1.5 if match[0][0].isupper() else 1.0))
    return tokens


def _mix_index(tokens: Sequence[tuple[str, float]]) -> set[str]:
    return {form for form, _ in tokens} | {"^" + form[:5] for form, _ in tokens if len(form) >= 5}


def _mix_missing(tokens: Sequence[tuple[str, float]], known: set[str]) -> list[tuple[str, float]]:
    def found(form: str) -> bool:
        return form in known or (len(form) >= 5 and not form[0].isdigit() and "^" + form[:5] in known)

    return [(form, weight) for form, weight in tokens if not found(form)]


def mix(row: Row) -> float | None:
    """The lexical baseline: -(ln(1 + g) + 2 R).

    g is the weight of the answer's content tokens missing from context and query, R the mean over the
    sentences of the missing share in the best window of three context sentences.
    """

    def sentences(text: str) -> list[str]:
        return [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]

    context = [_mix_tokens(part) for passage in row["context"] for part in sentences(passage)]
    query = _mix_tokens(row["query"] or "")
    everything = _mix_index([token for part in context for token in part] + query)
    windows = [
        _mix_index([token for part in context[start : start + 3] for token in part] + query)
        for start in range(max(1, len(context) - 2))
    ]
    total, shares = 0.0, []
    for tokens in filter(None, map(_mix_tokens, sentences(row["answer"]))):
        total += sum(weight for _, weight in _mix_missing(list(set(tokens)), everything))
        least = min(sum(weight for _, weight in _mix_missing(tokens, window)) for window in windows)
        shares.append(least / sum(weight for _, weight in tokens))
    return -(math.log1p(total) + 2 * sum(shares) / len(shares)) if shares else None


def report_groundedness(folder: Path) -> None:
    """Groundedness beside mix on the six sets, and their unweighted mean."""
    threshold = get("groundedness").threshold
    print(f"\nGroundedness, method {get('groundedness').method}, version {get('groundedness').version}")
    print(
        f"{'set':<12} {'rows':>5} {'unscored':>8} {'AUROC':>6} {'95 %':>15} {'mix':>6} {'difference, 95 %':>17}"
        f" {'b.acc 0.5':>9} {'calibrated':>10} {'ECE':>6} {'ms':>6}"
    )
    ours, theirs = [], []
    for name in GROUNDEDNESS_SETS:
        rows = load(folder, name)
        if not rows:
            continue
        shipped, baseline = measure(rows, groundedness), measure(rows, mix)
        labels = shipped.labels
        samples = resampled(labels, shipped.scores, baseline.scores)
        accuracy, error = calibrated(labels, shipped.scores)
        ours.append((auroc(labels, shipped.scores), samples[:, 0]))
        theirs.append((auroc(labels, baseline.scores), samples[:, 1]))
        print(
            f"{name:<12} {len(rows):>5} {shipped.unscored:>8} {ours[-1][0]:>6.3f} {interval(samples[:, 0]):>15}"
            f" {theirs[-1][0]:>6.3f} {interval(samples[:, 0] - samples[:, 1]):>17}"
            f" {balanced_accuracy(labels, shipped.scores, threshold):>9.3f}"
            f" {accuracy:>10.3f} {error:>6.3f} {shipped.milliseconds:>6.2f}"
        )
    if ours:
        mean, mean_mix = (np.mean([value for value, _ in found]) for found in (ours, theirs))
        samples = np.mean([values for _, values in ours], axis=0)
        difference = samples - np.mean([values for _, values in theirs], axis=0)
        print(
            f"{'mean':<27} {mean:>6.3f} {interval(samples):>15} {mean_mix:>6.3f} {interval(difference):>17}"
        )


def report(name: str, found: Measured, evaluator: str) -> None:
    """One line on one evaluator and set."""
    samples = resampled(found.labels, found.scores)[:, 0]
    at_threshold = balanced_accuracy(found.labels, found.scores, get(evaluator).threshold)
    accuracy, error = calibrated(found.labels, found.scores)
    print(
        f"{name:<30} {found.labels.size:>5} unscored {found.unscored:>3} AUROC"
        f" {auroc(found.labels, found.scores):.3f} ({interval(samples)}) b.acc {at_threshold:.3f}"
        f" calibrated {accuracy:.3f} ECE {error:.3f} {found.milliseconds:.2f} ms"
    )


def heading(evaluator: str) -> None:
    """Name, method and version, above the lines of one evaluator."""
    found = get(evaluator)
    print(f"\n{found.name}, method {found.method}, version {found.version}")


def report_relevance(folder: Path) -> None:
    """ContextRelevance on WikiQA, and on XQuAD by language."""
    heading("context_relevance")
    sets = {"wikiqa": load(folder, "wikiqa_relevance")}
    for row in load(folder, "xquad_relevance"):
        sets.setdefault(f"{row['source'].lower()} constructed", []).append(row)
    for name, rows in sets.items():
        if rows:
            report(name, measure(rows, relevance), "context_relevance")


def report_cross_encoder(folder: Path, model: Path) -> None:
    """ContextRelevance by a cross-encoder in ONNX on WikiQA; CPU time of all its threads."""
    from groundtrace_evaluators import ContextRelevance
    from groundtrace_evaluators.onnx_cross_encoder import OnnxCrossEncoder

    evaluator = ContextRelevance(cross_encoder=OnnxCrossEncoder(model))
    print(f"\n{evaluator.name}, method {evaluator.method}, version {evaluator.version}")

    def score(row: Row) -> float | None:
        return evaluator.evaluate_case(Case(query=row["query"], context=tuple(row["context"]))).score

    if rows := load(folder, "wikiqa_relevance"):
        report("wikiqa", measure(rows, score), "context_relevance")


def report_answers(folder: Path) -> None:
    """AnswerRelevance: WikiQA's sentences as answers, and RAGTruth's answers to their own or another question."""
    heading("answer_relevance")

    def score(row: Row) -> float | None:
        case = Case(query=row["query"], context=tuple(row["context"]), answer=row["answer"])
        return get("answer_relevance").evaluate_case(case).score

    if rows := load(folder, "wikiqa_relevance"):
        sentences = [row | {"answer": row["context"][0], "context": []} for row in rows]
        report("wikiqa sentences", measure(sentences, score), "answer_relevance")
    if rows := load(folder, "ragtruth_qa"):
        half = len(rows) // 2
        own = [row | {"label": 1} for row in rows]
        other = [
            row | {"query": stranger["query"], "label": 0}
            for row, stranger in zip(rows, rows[half:] + rows[:half], strict=True)
            if row["query"] != stranger["query"]
        ]
        report("ragtruth_qa constructed", measure(own + other, score), "answer_relevance")


def report_evidence(folder: Path) -> None:
    """CitationCorrectness and ContextRecall on WiCE: claims, and the sentences that people found to bear on them."""
    rows = load(folder, "wice")
    if not rows:
        return

    def recall(row: Row) -> float | None:
        case = Case(query=row["query"], context=tuple(row["context"]), expected=row["answer"])
        return get("context_recall").evaluate_case(case).score

    def citation(row: Row) -> float | None:
        marks = "".join(f"[{place + 1}]" for place in row["cited"])
        answer = f"{row['answer'].rstrip('. ')} {marks}."
        case = Case(query=row["query"], context=tuple(row["context"]), answer=answer)
        return get("citation_correctness").evaluate_case(case).score

    heading("context_recall")
    report("wice", measure(rows, recall), "context_recall")
    heading("citation_correctness")
    bearing = [row | {"cited": row["support_idx"]} for row in rows if row["support_idx"]]
    report("wice, gold sentences cited", measure(bearing, citation), "citation_correctness")
    generator = np.random.default_rng(0)
    pairs = []
    for row in (row for row in bearing if row["label"] == 1):
        others = [place for place in range(len(row["context"])) if place not in row["support_idx"]]
        if others:
            drawn = generator.choice(others, min(len(others), len(row["support_idx"])), replace=False)
            pairs += [row, row | {"cited": sorted(map(int, drawn)), "label": 0}]
    report("wice, gold or others constructed", measure(pairs, citation), "citation_correctness")


def report_similarity(folder: Path) -> None:
    """EmbeddingSimilarity without an encoder on graded pairs, CacheIntentMatch on confusable intents."""
    heading("embedding_similarity")
    if rows := load(folder, "stsb"):
        found = measure(rows, similarity)
        print(f"{'stsb':<30} {len(rows):>5} Spearman {spearmanr(found.labels, found.scores)[0]:.3f}")
    if rows := load(folder, "banking77_cache"):
        report("banking77 constructed", measure(rows, similarity), "embedding_similarity")
        heading("cache_intent_match")
        found = measure(rows, intent)
        report("banking77 constructed", found, "cache_intent_match")
        strict = np.quantile(found.scores[found.labels == 0], 0.95)
        hits = (found.scores[found.labels == 1] > strict).mean()
        print(f"{'':<30} at 5 % false hits (above {strict:.2f}) {hits:.0%} true hits")


def intent(row: Row) -> float | None:
    """The shipped evaluator on one query and the cached one."""
    case = Case(query=row["query"], cached_query=row["answer"])
    return get("cache_intent_match").evaluate_case(case).score


def main() -> None:
    """Print every report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=FOLDER, help="folder of the labelled .jsonl files"
    )
    parser.add_argument(
        "--cross-encoder",
        type=Path,
        metavar="MODEL",
        help="also measure context_relevance by this ONNX folder",
    )
    options = parser.parse_args()
    folder = options.folder
    report_groundedness(folder)
    report_relevance(folder)
    if options.cross_encoder:
        report_cross_encoder(folder, options.cross_encoder)
    report_answers(folder)
    report_evidence(folder)
    report_similarity(folder)


if __name__ == "__main__":
    main()
