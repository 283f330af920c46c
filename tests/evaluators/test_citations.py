"""CitationCorrectness and the marks that it reads."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtrace_evaluators import Case, CitationCorrectness, Score, Status
from groundtrace_evaluators.citations import Passages, cited_sentences, parse_mark

PASSAGES = (
    "The Gotthard tunnel opened on 1 June 2016. It is 57.1 km long and runs from Erstfeld to Bodio.",
    "Work on the tunnel began in 1999. Nine workers died while it was built. It cost 12.2 billion francs.",
    "Bern lies on the Aare.",
)
IDS = ("doc-17", "billing/faq.md#3", "B7")


def cite(answer: str, ids: tuple[str, ...] = (), query: str | None = None) -> Score:
    return CitationCorrectness().evaluate(input=PASSAGES, output=answer, ids=ids, query=query)


@pytest.mark.parametrize(
    ("mark", "passages", "unknown"),
    [
        pytest.param("[1]", (0,), (), id="place"),
        pytest.param("[^2]", (1,), (), id="footnote"),
        pytest.param("[1, 3]", (0, 2), (), id="list"),
        pytest.param("[1-3]", (0, 1, 2), (), id="range"),
        pytest.param("[4]", (), ("4",), id="no such place"),
        pytest.param("[0]", (), ("0",), id="places count from one"),
        pytest.param("(Source 2)", (1,), (), id="source"),
        pytest.param("[Passage 2]", (1,), (), id="passage"),
        pytest.param("(see documents 1 and 3)", (0, 2), (), id="two documents"),
        pytest.param("(Sources 1, 2 & 3)", (0, 1, 2), (), id="ampersand"),
        pytest.param("[doc 2: Tunnels]", (1,), (), id="with a title"),
        pytest.param("\u30104:0\u2020source\u3011", (0,), (), id="OpenAI's"),
        pytest.param("[doc-17]", (0,), (), id="id"),
        pytest.param("[DOC-17]", (0,), (), id="id in capitals"),
        pytest.param("[billing/faq.md#3, B7]", (1, 2), (), id="two ids"),
        pytest.param("(doc-17)", (0,), (), id="id in parentheses"),
        pytest.param("[doc-99]", (), ("doc-99",), id="no such id"),
    ],
)
def test_a_mark_names_passages_by_place_or_id(
    mark: str, passages: tuple[int, ...], unknown: tuple[str, ...]
) -> None:
    found = parse_mark(mark, Passages(3, IDS))

    assert found is not None
    assert (found.passages, found.unknown) == (passages, unknown)


@pytest.mark.parametrize(
    "aside",
    ["(57 km)", "(2016)", "[sic]", "(about 3 hours)", "[...]", "(Bern)", "[1999 was dry]", "[1-9999]"],
)
def test_an_aside_in_brackets_is_no_mark(aside: str) -> None:
    assert parse_mark(aside, Passages(3, IDS)) is None


def test_chunks_of_one_document_are_cited_together() -> None:
    score = cite("Nine workers died [doc-17].", ("doc-17", "doc-17", "doc-3"))

    assert (score.score, score.evidence[0].passage) == (1.0, 1)


def test_an_id_that_nobody_can_look_up_is_no_fault() -> None:
    assert parse_mark("[doc-17]", Passages(3)) is None
    assert parse_mark("[doc-17]", Passages(3, ("", "", ""))) is None
    assert cite("Nine workers died [doc-17].").status is Status.NO_CLAIMS
    assert cite("Nine workers died (Source 17).").score == 0.0


def test_a_number_that_is_an_id_is_not_a_place() -> None:
    found = parse_mark("[2]", Passages(3, ("3", "2", "1")))

    assert found is not None
    assert found.passages == (1,)
    assert parse_mark("[1]", Passages(2, ("2", "1"))).passages == (1,)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("It rains [1]. It snows [2].", [(0,), (1,)], id="before the stop"),
        pytest.param("It rains. [1] It snows. [2]", [(0,), (1,)], id="behind the stop"),
        pytest.param("[1] It rains. [2] It snows.", [(0,), (1,)], id="leading"),
        pytest.param("It rains.[1][2] It snows.", [(0, 1), ()], id="two in a row"),
        pytest.param("- It rains [1]\n- It snows [2]", [(0,), (1,)], id="list"),
        pytest.param("It rains.\n[1]\nIt snows.", [(0,), ()], id="on a line of its own"),
        pytest.param("下雨了。[1]下雪了。[2]", [(0,), (1,)], id="Chinese"),
        pytest.param("It rains [1](https://a.ch/x_(1)).", [(0,)], id="link"),
        pytest.param("It rains [1].\n\nSources:\n[1] Rain\n[2] Snow", [(0,)], id="references"),
        pytest.param("It rains. It snows.", [(), ()], id="none"),
    ],
)
def test_a_mark_belongs_to_its_sentence(answer: str, expected: list[tuple[int, ...]]) -> None:
    found = cited_sentences(answer, Passages(3))

    assert [sentence.passages for sentence in found] == expected
    assert not any("[1]" in sentence.text for sentence in found)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("Nine workers died [2].", 1.0, id="right"),
        pytest.param("Nine workers died [3].", 0.0, id="wrong"),
        pytest.param("Nine workers died [9].", 0.0, id="not there"),
        pytest.param("Nine workers died [2][9].", 0.5, id="one of two not there"),
        pytest.param("Nine workers died [2]. It is 57.1 km long [3].", 0.5, id="one of two sentences"),
        pytest.param("Nine workers died [2]. It is 57.1 km long.", 1.0, id="uncited ones do not count"),
        pytest.param("It cost 12.2 billion and opened in 2016 [1, 2].", 1.0, id="two passages together"),
    ],
)
def test_citations_are_right_when_the_passage_says_it(answer: str, expected: float) -> None:
    assert cite(answer).score == pytest.approx(expected)


def test_passages_are_cited_by_id() -> None:
    assert cite("It is 57.1 km long [doc-17].", IDS).score == 1.0
    assert cite("It is 57.1 km long [B7].", IDS).score == 0.0


def test_the_explanation_says_what_is_wrong_and_what_would_be_right() -> None:
    score = cite("Nine workers died [3]. It is 57.1 km long [1][7]. It is new.")

    assert score.explanation == (
        "1 of 2 cited sentences stand in what they cite; not in the context: [7];"
        " passage 2 says: Nine workers died.; 1 sentence cites nothing"
    )
    assert [(piece.passage, piece.supported, piece.missing) for piece in score.evidence] == [
        (2, False, ("Nine", "workers", "died")),
        (0, True, ("[7]",)),
    ]


def test_what_the_query_says_need_not_be_found() -> None:
    answer = "The longest tunnel cost 12.2 billion [2]."
    asked = cite(answer, query="What did the longest tunnel cost?").score

    assert asked == 1.0
    assert asked > (cite(answer).score or 0.0)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("Nine workers died.", Status.NO_CLAIMS),
        ("I don't know [1].", Status.ABSTAINED),
        ("[1]", Status.ABSTAINED),
        ("", Status.SKIPPED),
    ],
)
def test_without_cited_claims_there_is_no_score(answer: str, status: Status) -> None:
    assert (cite(answer).status, cite(answer).score) == (status, None)


def test_ids_must_match_the_passages() -> None:
    with pytest.raises(ValueError, match="context_ids must hold one for each of context, got 1 for 3"):
        cite("x [1]", ("a",))


async def test_the_asynchronous_call_gives_the_same_score() -> None:
    found = await CitationCorrectness().aevaluate(input=PASSAGES, output="Nine workers died [2].")

    assert found.score == 1.0


@given(
    answer=st.text(alphabet="ab 1239.[](),-\n^doc\u3010\u3011\u2020", max_size=120),
    context=st.lists(st.text(max_size=40), max_size=3),
)
def test_any_text_gives_a_score_in_range_or_a_reason(answer: str, context: list[str]) -> None:
    score = CitationCorrectness().evaluate_case(Case(answer=answer, context=tuple(context)))

    assert score.status in {Status.OK, Status.SKIPPED, Status.NO_CLAIMS, Status.ABSTAINED}
    assert score.explanation
    assert score.score is None or 0.0 <= score.score <= 1.0


@pytest.mark.parametrize("piece", ["[1] ", "[", "It rains [1]. ", "(see ", "[1,", "]1[", "\n[1]"])
def test_long_answers_take_linear_time(piece: str) -> None:
    def seconds(count: int) -> float:
        started = time.process_time()
        cited_sentences(piece * count, Passages(3))
        return time.process_time() - started

    assert seconds(8_000) < 8 * max(seconds(1_000), 0.01) * 3 + 0.5
