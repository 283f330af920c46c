"""The two encoders, the retriever and the reranker, on the real corpus and the real questions."""

import math
from collections import defaultdict
from statistics import fmean

import pytest

from groundtrace_collector.demo.corpus import FAMILIES, Passage, passages, python_topics
from groundtrace_collector.demo.encoders import HashEncoder, LsaEncoder, encoder_name
from groundtrace_collector.demo.questions import Question, answerable, written_questions
from groundtrace_collector.demo.retriever import RERANKED, RETRIEVED, BM25Reranker, PassageRetriever

Encoder = HashEncoder | LsaEncoder


@pytest.fixture(scope="module")
def corpus() -> list[Passage]:
    return passages(python_topics())


@pytest.fixture(scope="module")
def encoders(corpus: list[Passage]) -> dict[str, Encoder]:
    both = (HashEncoder(), LsaEncoder([passage.text for passage in corpus]))
    return {encoder_name(encoder): encoder for encoder in both}


@pytest.fixture(scope="module")
def retrievers(encoders: dict[str, Encoder], corpus: list[Passage]) -> dict[str, PassageRetriever]:
    return {name: PassageRetriever.index(encoder, corpus) for name, encoder in encoders.items()}


@pytest.fixture(scope="module")
def reranker(corpus: list[Passage]) -> BM25Reranker:
    return BM25Reranker.fit(corpus)


@pytest.fixture(scope="module")
def recall(retrievers: dict[str, PassageRetriever], corpus: list[Passage]) -> dict[str, dict[str, float]]:
    """recall@5 by encoder and family."""
    questions = answerable(written_questions(), corpus)
    return {name: _recall_by_family(retriever, questions) for name, retriever in retrievers.items()}


def _recall_by_family(retriever: PassageRetriever, questions: list[Question]) -> dict[str, float]:
    shares: dict[str, list[float]] = defaultdict(list)
    for question in questions:
        found = {document.id for document in retriever.invoke(question.text)[:5]}
        shares[question.family].append(len(found & set(question.gold)) / len(question.gold))
    return {family: fmean(values) for family, values in shares.items()}


def test_the_encoders_name_their_model_and_version(encoders: dict[str, Encoder]) -> None:
    assert list(encoders) == ["hash@1", "lsa@2"]


@pytest.mark.parametrize("name", ["hash@1", "lsa@2"])
def test_a_vector_has_unit_length_and_is_the_same_each_time(encoders: dict[str, Encoder], name: str) -> None:
    vector = encoders[name].embed_query("How do I swap two variables?")

    assert math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-9)
    assert encoders[name].embed_query("How do I swap two variables?") == vector


def test_lsa_is_the_same_however_often_it_is_fitted(
    encoders: dict[str, Encoder], corpus: list[Passage]
) -> None:
    again = LsaEncoder([passage.text for passage in corpus])

    assert again.embed_query("raise from") == pytest.approx(
        encoders["lsa@2"].embed_query("raise from"), abs=1e-9
    )


def test_a_text_without_a_known_word_has_the_zero_vector_in_lsa(encoders: dict[str, Encoder]) -> None:
    assert not any(encoders["lsa@2"].embed_query("Übergrößenträger"))


@pytest.mark.parametrize("name", ["hash@1", "lsa@2"])
def test_each_encoder_is_good_enough_to_be_plausible(recall: dict[str, dict[str, float]], name: str) -> None:
    assert 0.35 < fmean(recall[name].values()) < 0.75
    assert min(recall[name].values()) > 0.05


def test_the_encoders_differ_by_family(recall: dict[str, dict[str, float]]) -> None:
    differences = [recall["lsa@2"][family] - recall["hash@1"][family] for family in FAMILIES]

    assert max(differences) > 0.3
    assert min(differences) < 0.05


def test_the_retriever_gives_20_documents_best_first_with_id_and_score(
    retrievers: dict[str, PassageRetriever],
) -> None:
    found = retrievers["lsa@2"].invoke("pdb show call stack")
    scores = [document.metadata["score"] for document in found]

    assert len({document.id for document in found}) == RETRIEVED
    assert scores == sorted(scores, reverse=True)
    assert found[0].metadata["doc_family"] == "errors-and-debugging"


def test_the_index_is_not_changed_by_a_query(retrievers: dict[str, PassageRetriever]) -> None:
    retrievers["hash@1"].invoke("global vs nonlocal")

    assert all("score" not in document.metadata for document in retrievers["hash@1"].documents)


def test_the_reranker_keeps_the_5_best_by_its_own_score(
    retrievers: dict[str, PassageRetriever], reranker: BM25Reranker
) -> None:
    query = "what does the nonlocal statement do"
    found = retrievers["hash@1"].invoke(query)
    kept = reranker.compress_documents(found, query)
    scores = [document.metadata["relevance_score"] for document in kept]

    assert len(kept) == RERANKED
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0
    assert all("score" not in document.metadata for document in kept)
    assert all("score" in document.metadata for document in found)


def test_a_query_without_a_known_word_keeps_the_retrievers_order(
    retrievers: dict[str, PassageRetriever], reranker: BM25Reranker
) -> None:
    found = retrievers["hash@1"].invoke("pdb show call stack")
    kept = reranker.compress_documents(found, "xyzzy plugh")

    assert [document.id for document in kept] == [document.id for document in found[:RERANKED]]
    assert {document.metadata["relevance_score"] for document in kept} == {0.0}
