import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from groundtrace_collector.jobs.protocol import ScoreMessage
from groundtrace_evaluators import Case, Score, Status
from groundtrace_evaluators.judge import JudgedContextRelevance, JudgedEvidence, JudgedScore, JudgeRecord
from groundtrace_evaluators.judge.windows import windows
from tests.evaluators.judge.conftest import Make
from tests.evaluators.judge.stub import Answer, Judge, completion, is_canary, read_task

TUNNEL = "The Gotthard tunnel opened on 1 June 2016. It is 57.1 km long."


def record_of(score: Score) -> JudgeRecord:
    assert isinstance(score, JudgedScore)
    assert score.record is not None
    return score.record


def claims_of(score: Score) -> list[JudgedEvidence]:
    return [piece for piece in score.evidence if isinstance(piece, JudgedEvidence)]


def saying(verdicts: dict[str, tuple[str, list[dict[str, Any]]]]) -> Callable[[dict[str, Any]], Answer]:
    """An endpoint that gives these verdicts on these claims, and not_found on all others."""

    def answer(request: dict[str, Any]) -> Answer:
        found = [verdicts.get(claim, ("not_found", [])) for claim in read_task(request).claims]
        return completion(
            json.dumps(
                {
                    "verdicts": [
                        {"claim": number, "verdict": verdict, "evidence": evidence}
                        for number, (verdict, evidence) in enumerate(found, start=1)
                    ]
                }
            )
        )

    return answer


def test_the_score_is_the_share_of_claims_that_are_supported(judged: Make) -> None:
    score = judged().evaluate(
        input=["Cats sleep.", TUNNEL],
        output="The tunnel opened in 2016. It is 57.1 km long. It was built by elves.",
    )

    assert score.score == pytest.approx(2 / 3)
    assert score.explanation == "2 of 3 claims are supported"
    assert [(c.text, c.verdict, c.passage) for c in claims_of(score)] == [
        ("The tunnel opened in 2016.", "supported", 1),
        ("It is 57.1 km long.", "supported", 1),
        ("It was built by elves.", "not_found", None),
    ]
    assert claims_of(score)[1].quotes == ("It is 57.1 km long.",)


@pytest.mark.parametrize(
    ("passage", "quote", "counts"),
    [
        pytest.param(1, "opened on 1 June 2016", True, id="word for word"),
        pytest.param(1, "  OPENED on 1\u00a0June, 2016!", True, id="case, space and punctuation aside"),
        pytest.param(1, "The Gotthard tunnel \u2026 57.1 km long", True, id="ellipsis"),
        pytest.param(2, "opened on 1 June 2016", False, id="another passage"),
        pytest.param(1, "opened in June 2016", False, id="not word for word"),
        pytest.param(1, "7.1 km long", False, id="half a number"),
        pytest.param(1, "57 1 km long", False, id="a number torn apart"),
        pytest.param(1, "57.1 km long ... opened on 1 June", False, id="wrong order"),
        pytest.param(1, "tunnel", False, id="one word"),
        pytest.param(1, "the ... km", False, id="single words around an ellipsis"),
        pytest.param(1, "", False, id="empty"),
        pytest.param(1, "...", False, id="only an ellipsis"),
    ],
)
def test_a_supported_claim_counts_only_with_a_quote_that_is_there(
    passage: int,
    quote: str,
    counts: bool,  # noqa: FBT001 - a column of the table
    endpoint: Judge,
    judged: Make,
) -> None:
    claim = "The tunnel opened in 2016."
    endpoint.answer = saying({claim: ("supported", [{"passage": passage, "quote": quote}])})

    score = judged().evaluate(input=[TUNNEL, "Cats sleep."], output=claim)

    assert (score.status, score.score) == (Status.OK, float(counts))
    (found,) = claims_of(score)
    assert (found.verdict, found.said) == ("supported" if counts else "not_found", "supported")


@pytest.mark.parametrize(
    ("passage", "quote"),
    [
        pytest.param("哥达基线隧道于2016年6月1日通车。", "隧道于2016年6月1日通车", id="chinese"),
        pytest.param("افتتح النفق في ٢٠١٦.", "النفق في ٢٠١٦", id="arabic"),
        pytest.param(
            "Der Stra\u00dfentunnel \u00f6ffnete 2016.", "DER STRASSENTUNNEL O\u0308FFNETE", id="german"
        ),
    ],
)
def test_quotes_are_found_in_other_scripts(passage: str, quote: str, endpoint: Judge, judged: Make) -> None:
    endpoint.answer = saying({"It opened in 2016.": ("supported", [{"passage": 1, "quote": quote}])})

    assert judged().evaluate(input=passage, output="It opened in 2016.").score == 1.0


def test_a_contradicted_claim_needs_its_quote_too(endpoint: Judge, judged: Make) -> None:
    quote = [{"passage": 1, "quote": "It is 57.1 km long"}]
    endpoint.answer = saying(
        {"It is 75 km long.": ("contradicted", quote), "It is blue.": ("contradicted", [])}
    )

    score = judged().evaluate(input=TUNNEL, output="It is 75 km long. It is blue.")

    assert score.explanation == "0 of 2 claims are supported, 1 contradicted"
    assert [claim.verdict for claim in claims_of(score)] == ["contradicted", "not_found"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param("I don't know.", Status.ABSTAINED, id="abstains"),
        pytest.param("The passages do not mention it.", Status.ABSTAINED, id="declines"),
        pytest.param("Hello!", Status.NO_CLAIMS, id="greets"),
        pytest.param("\u200b\u200b.", Status.NO_CLAIMS, id="nothing to see"),
        pytest.param("  ", Status.SKIPPED, id="empty"),
    ],
)
def test_nothing_is_sent_for_an_answer_without_claims(
    answer: str, status: Status, endpoint: Judge, judged: Make
) -> None:
    score = judged().evaluate(input=TUNNEL, output=answer)

    assert (score.score, score.status, score.cost_usd) == (None, status, 0.0)
    assert endpoint.requests == []


def test_a_bad_reply_is_sent_back_once_with_what_is_wrong(endpoint: Judge, judged: Make) -> None:
    claim = "The tunnel opened in 2016."
    good = saying({claim: ("supported", [{"passage": 1, "quote": "opened on 1 June 2016"}])})
    endpoint.answer = lambda request: (
        completion('{"verdicts": [{"claim": 1}') if len(request["messages"]) == 2 else good(request)
    )

    score = judged().evaluate(input=TUNNEL, output=claim)

    assert (score.score, record_of(score).calls, record_of(score).tokens_in) == (1.0, 2, 200)
    again = endpoint.requests[1]["messages"]
    assert again[2] == {"role": "assistant", "content": '{"verdicts": [{"claim": 1}'}
    assert "EOF" in again[3]["content"]


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param("```json\n{}\n```", id="fence"),
        pytest.param("<think>The first one {{is}} clear.</think>\n{}", id="thoughts"),
        pytest.param("\ufeff \n{}\n", id="byte order mark"),
    ],
)
def test_wrappings_that_hide_nothing_are_read(wrap: str, endpoint: Judge, judged: Make) -> None:
    sound = saying({"It is 57.1 km long.": ("supported", [{"passage": 1, "quote": "57.1 km long"}])})

    def answer(request: dict[str, Any]) -> Answer:
        text = json.loads(sound(request).body)["choices"][0]["message"]["content"]
        return completion(wrap.replace("{{is}}", "is").replace("{}", text))

    endpoint.answer = answer

    score = judged().evaluate(input=TUNNEL, output="It is 57.1 km long.")

    assert (score.score, record_of(score).calls) == (1.0, 1)


def test_a_long_context_is_judged_in_windows_and_nothing_is_cut(endpoint: Judge, judged: Make) -> None:
    filler = [f"Village {number} has a church with {number} bells." for number in range(200)]
    passages = [*filler, TUNNEL, " ".join(filler)]

    score = judged(window_chars=1_000).evaluate(
        input=passages,
        output="The tunnel opened in 2016. Village 199 has a church with 199 bells. Elves built it.",
    )

    tasks = [read_task(request) for request in endpoint.requests]
    assert all(sum(map(len, task.passages)) <= 1_000 for task in tasks)
    sent = " ".join(text for task in tasks for text in task.passages)
    assert all(sentence in sent for sentence in passages[:-1])
    assert [(claim.verdict, claim.passage) for claim in claims_of(score)] == [
        ("supported", 200),
        ("supported", 199),
        ("not_found", None),
    ]
    # A claim that has its support is not paid for again.
    assert sum("The tunnel opened in 2016." in task.claims for task in tasks) < len(tasks)
    assert all("Elves built it." in task.claims for task in tasks)


def test_a_failure_in_any_window_leaves_no_score(endpoint: Judge, judged: Make) -> None:
    calls = 0

    def answer(request: dict[str, Any]) -> Answer:
        nonlocal calls
        calls += 1
        return saying({})(request) if calls == 1 else Answer(status=500)

    endpoint.answer = answer

    score = judged(window_chars=500, max_retries=0).evaluate(
        input=[TUNNEL * 8, "x" * 400], output="Elves built it."
    )

    assert (score.score, score.status) == (None, Status.ERROR)
    assert record_of(score).calls == 2


def test_a_long_answer_is_judged_in_batches_that_know_what_came_before(endpoint: Judge, judged: Make) -> None:
    answer = " ".join(f"Village {number} has {number} bells." for number in range(1, 12))

    score = judged(claims_per_call=5).evaluate(input=answer, output=answer)

    tasks = [read_task(request) for request in endpoint.requests]
    assert [len([c for c in task.claims if not is_canary(c)]) for task in tasks] == [5, 5, 1]
    assert [task.before for task in tasks] == [
        None,
        "Village 4 has 4 bells. Village 5 has 5 bells.",
        "Village 9 has 9 bells. Village 10 has 10 bells.",
    ]
    assert score.score == 1.0


def test_parts_of_a_long_passage_overlap_by_a_sentence() -> None:
    text = " ".join(f"Sentence number {number} ends here." for number in range(10))

    found = [piece.text for window in windows([text], 100) for piece in window]

    assert all(len(part) <= 100 for part in found)
    assert all(later.startswith(earlier.split(". ")[-1]) for earlier, later in pairwise(found))
    assert found[-1].endswith("number 9 ends here.")


def test_the_deterministic_score_stands_beside_and_disagreement_is_marked(
    endpoint: Judge, judged: Make
) -> None:
    endpoint.answer = saying({})

    score = judged().evaluate(input=TUNNEL, output="It is 57.1 km long.")

    record = record_of(score)
    assert (score.score, record.lexical_score, record.disagrees) == (0.0, 1.0, True)
    assert "disagrees with the deterministic score of 1.00" in (score.explanation or "")


def test_a_judged_score_is_stored_as_the_jobs_store_it(judged: Make) -> None:
    score = judged().evaluate(input=TUNNEL, output="It is 57.1 km long.")

    message = ScoreMessage.model_validate(dict(score.as_dict()))

    stored = json.loads(json.dumps(message.evidence))
    assert [piece.get("verdict") for piece in stored] == ["supported", None]
    assert stored[-1]["lexical_score"] == 1.0
    assert stored[-1]["tokens_in"] == 100
    assert message.method == "judge:stub"


def test_another_model_or_setting_is_another_version(judged: Make) -> None:
    versions = {
        judged(**options).version
        for options in (
            {},
            {"model": "other"},
            {"window_chars": 900},
            {"temperature": None},
            {"canary": False},
        )
    }
    assert len(versions) == 5
    assert judged(timeout_s=9.0, run_usd=1.0).version == judged().version


async def test_a_judge_can_be_asked_from_an_event_loop(judged: Make) -> None:
    evaluator = judged()

    inside = evaluator.evaluate(input=TUNNEL, output="It is 57.1 km long.")
    awaited = await evaluator.aevaluate(input=TUNNEL, output="It is 57 km long.")

    assert (inside.score, awaited.score) == (1.0, 0.0)


def test_relevance_is_that_of_the_best_passage(relevance: JudgedContextRelevance) -> None:
    score = relevance.evaluate(input="How long is the Gotthard tunnel?", output=["Cats sleep.", TUNNEL])

    assert (score.score, score.explanation) == (1.0, "passage 1: answers")
    assert [(claim.passage, claim.verdict) for claim in claims_of(score)] == [
        (0, "unrelated"),
        (1, "answers"),
    ]


def test_relevance_without_a_quote_is_none(endpoint: Judge, relevance: JudgedContextRelevance) -> None:
    def answer(request: dict[str, Any]) -> Answer:
        texts = read_task(request).passages
        verdicts = [
            {"passage": n, "verdict": "unrelated" if is_canary(text) else "answers", "quote": "it says so"}
            for n, text in enumerate(texts, start=1)
        ]
        return completion(json.dumps({"verdicts": verdicts}))

    endpoint.answer = answer

    assert relevance.evaluate(input="How long?", output=[TUNNEL]).score == 0.0


def test_the_class_needs_context_and_answer(judged: Make) -> None:
    score = judged().evaluate_case(Case(query="How long?"))

    assert (score.status, score.explanation) == (Status.SKIPPED, "the case has no context and no answer")
