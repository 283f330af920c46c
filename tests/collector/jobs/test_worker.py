"""How a worker scores a batch, without a collector."""

import gzip
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from groundtrace_collector.jobs.protocol import CaseMessage, EvaluatorRef, Result, ResultsRequest
from groundtrace_collector.jobs.spans import Evaluation, evaluations_request
from groundtrace_collector.jobs.worker import FIRST_BATCH, MAX_BATCH, next_limit, score_cases
from groundtrace_evaluators import get
from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Evaluator, Verdict
from groundtrace_evaluators.score import Evidence, Score, Status


class Length(Evaluator):
    """Scores an answer by its number of words, up to ten."""

    name = "length"
    version = "1"
    method = "count"
    needs = frozenset({Field.ANSWER})

    def judge(self, case: Case) -> Verdict:
        return Verdict(score=min(1.0, len((case.answer or "").split()) / 10))


class Raising(Length):
    """Breaks the promise never to raise."""

    name = "raising"

    def evaluate_case(self, case: Case) -> Score:
        raise ZeroDivisionError(f"on\n{case.answer}")


class OutOfRange(Length):
    """Breaks the range of scores where the base class cannot see it."""

    name = "out_of_range"

    def evaluate_case(self, case: Case) -> Score:
        score = super().evaluate_case(case)
        object.__setattr__(score, "score", float("nan"))
        return score


class HalfSurrogate(Length):
    """Quotes text that is not Unicode, as a model's cut reply may hold it."""

    name = "half_surrogate"

    def judge(self, case: Case) -> Verdict:
        return Verdict(
            score=0.5, evidence=(Evidence(text=f"{case.answer} \ud83d", score=0.5, supported=True),)
        )


class RaisingHalfSurrogate(Length):
    """Names such text where it gives up."""

    name = "raising_half_surrogate"

    def evaluate_case(self, case: Case) -> Score:
        raise ValueError(f"{case.answer} \ud83d")


class NotJson(Length):
    """Gives evidence a number of another library."""

    name = "not_json"

    def judge(self, case: Case) -> Verdict:
        half: Any = np.float32(0.5)
        return Verdict(score=0.5, evidence=(Evidence(text=case.answer or "", score=half, supported=True),))


EVALUATORS = {
    evaluator.name: evaluator
    for evaluator in (
        Length(),
        Raising(),
        OutOfRange(),
        HalfSurrogate(),
        RaisingHalfSurrogate(),
        NotJson(),
    )
}


def case(answer: str, *names: str) -> CaseMessage:
    return CaseMessage(
        project="shop",
        trace_id=answer,
        input_hash=2**64 - 1,
        query="why?",
        context=("because",),
        context_ids=("doc-17",),
        answer=answer,
        retrieved_ids=(),
        relevant_ids=(),
        evaluators=tuple(EvaluatorRef(name=name, version="1") for name in names),
    )


def score(*cases: CaseMessage, enough: Callable[[], bool] = lambda: False) -> list[Result]:
    found: list[Result] = []
    assert score_cases(cases, EVALUATORS, found.append, enough) == len(found)
    return found


def test_an_evaluator_sees_the_ids_of_the_passages() -> None:
    seen: list[Case] = []

    class Looking(Length):
        name = "looking"

        def judge(self, case: Case) -> Verdict:
            seen.append(case)
            return super().judge(case)

    score_cases([case("one", "looking")], {"looking": Looking()}, lambda _: None, lambda: False)

    assert [(each.context, each.context_ids) for each in seen] == [(("because",), ("doc-17",))]


def test_each_evaluator_scores_each_case_in_order() -> None:
    results = score(case("one two", "length"), case("one", "length"), case("", "length"))

    assert [(each.trace_id, each.score.score, each.score.status) for each in results] == [
        ("one two", 0.2, Status.OK),
        ("one", 0.1, Status.OK),
        ("", None, Status.SKIPPED),
    ]
    assert results[0].input_hash == 2**64 - 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("raising", "ZeroDivisionError: on one", id="raises"),
        pytest.param("out_of_range", "ValidationError: ", id="not-a-number"),
        pytest.param("half_surrogate", "PydanticSerializationError: ", id="half-a-surrogate-pair"),
        pytest.param("raising_half_surrogate", "ValueError: one ?", id="raises-half-a-surrogate-pair"),
        pytest.param("not_json", "PydanticSerializationError: ", id="not-json"),
    ],
)
def test_an_evaluator_that_breaks_its_contract_is_an_error_on_that_case_only(name: str, reason: str) -> None:
    broken, sound = score(case("one", name, "length"))

    assert (broken.score.status, broken.score.score, broken.score.name) == (Status.ERROR, None, name)
    assert (broken.score.explanation or "").startswith(reason)
    assert "\n" not in (broken.score.explanation or "")
    assert ResultsRequest(lease="l", results=(broken, sound)).model_dump_json()
    assert sound.score.score == pytest.approx(0.1)


def test_a_worker_that_is_told_to_stop_does_so_between_two_evaluations() -> None:
    answers = iter([False, True])

    results = score(case("one", "length", "length"), case("two", "length"), enough=lambda: next(answers))

    assert len(results) == 1


@pytest.mark.parametrize(
    ("scored", "elapsed_s", "limit"),
    [
        pytest.param(FIRST_BATCH, 2.0, FIRST_BATCH, id="as-planned"),
        pytest.param(FIRST_BATCH, 0.001, 4 * FIRST_BATCH, id="fast-grows-fourfold"),
        pytest.param(MAX_BATCH, 0.1, MAX_BATCH, id="no-more-than-the-most"),
        pytest.param(8, 160.0, 1, id="slow-takes-one-at-a-time"),
        pytest.param(0, 0.0, 1, id="nothing-done"),
        pytest.param(1, 0.01, 32, id="recovers-from-one"),
    ],
)
def test_the_next_batch_is_what_fits_in_two_seconds(scored: int, elapsed_s: float, limit: int) -> None:
    assert next_limit(scored, elapsed_s) == limit


def test_each_evaluation_becomes_a_span_of_its_batch() -> None:
    done: list[Evaluation] = []
    score_cases(
        [case("one two", "length", "raising")], EVALUATORS, lambda _: None, lambda: False, traced=done.append
    )

    request = ExportTraceServiceRequest.FromString(evaluations_request(done, worker="w1"))

    (group,) = request.resource_spans
    root, fine, broken = group.scope_spans[0].spans
    said = {each.key: each.value for each in fine.attributes}
    assert {each.trace_id for each in (root, fine, broken)} == {root.trace_id}
    assert (fine.parent_span_id, broken.parent_span_id) == (root.span_id, root.span_id)
    assert (fine.name, said["openinference.span.kind"].string_value) == ("length", "EVALUATOR")
    assert said["gen_ai.evaluation.score.value"].double_value == pytest.approx(0.2)
    assert said["groundtrace.evaluated.trace_id"].string_value == "one two"
    assert (broken.status.code, broken.status.message) == (2, "ZeroDivisionError: on one two")
    assert root.start_time_unix_nano <= fine.start_time_unix_nano <= fine.end_time_unix_nano
    assert broken.end_time_unix_nano == root.end_time_unix_nano
    projects = [each.value.string_value for each in group.resource.attributes if "project" in each.key]
    assert projects == ["groundtrace.internal"]


@pytest.mark.verify
def test_tracing_costs_less_than_a_tenth_of_scoring() -> None:
    """Prints the CPU time of both for a batch of 500 evaluations by groundedness."""
    text = "The refund period for purchases is thirty days after delivery of the order to the customer. " * 8
    message = case(text, "groundedness").model_copy(
        update={"context": (text,) * 3, "context_ids": (), "trace_id": f"{7:032x}"}
    )
    version = get("groundedness").version
    refs = (EvaluatorRef(name="groundedness", version=version),)
    cases = [message.model_copy(update={"evaluators": refs}) for _ in range(500)]
    done: list[Evaluation] = []
    began = time.process_time()
    score_cases(cases, {"groundedness": get("groundedness")}, lambda _: None, lambda: False)
    scoring_s = time.process_time() - began
    began = time.process_time()
    score_cases(cases, {"groundedness": get("groundedness")}, lambda _: None, lambda: False, done.append)
    traced_s = time.process_time() - began
    began = time.process_time()
    body = gzip.compress(evaluations_request(done, worker="w1"), 1)
    spans_s = time.process_time() - began
    print(  # noqa: T201
        f"\n500 evaluations: {scoring_s * 1e3:.0f} ms scoring, {spans_s * 1e3:.1f} ms spans, {len(body):,} B sent"
        f" ({traced_s * 1e3:.0f} ms scoring with records): {spans_s / scoring_s:.1%}"
    )

    assert spans_s < 0.1 * scoring_s
