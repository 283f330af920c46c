"""The context of an answer: which passages the generator was given, from document attributes of spans."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_STAGES: Final = {
    "retrieval.documents": "retrieved",
    "reranker.input_documents": "rerank_in",
    "reranker.output_documents": "rerank_out",
}
_KEY: Final = re.compile(rf"({'|'.join(map(re.escape, _STAGES))})\.(\d{{1,4}})\.document\.(id|content|score)")
_GEN_AI_DOCUMENTS: Final = "gen_ai.retrieval.documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A document as one span names it; either part may be ''."""

    document_id: str = ""
    content: str = ""


def context_passages(spans: Iterable[tuple[str, Mapping[str, str]]]) -> tuple[str, ...]:
    """The texts of ``context_documents``."""
    return tuple(passage.content for passage in context_documents(spans))


def context_documents(spans: Iterable[tuple[str, Mapping[str, str]]]) -> tuple[Passage, ...]:
    """The last RERANKER's output documents, else of the last RETRIEVER's, best first.

    ``spans`` are the kind and the document attributes of each span, earliest first. A document without text
    takes it by its id from any stage that has it; one that nowhere has a text is left out. The settled
    trace's ContextIds follow the same rule (store/settle.sql).
    """
    retrieved: list[Passage] = []
    reranked: list[Passage] = []
    texts: dict[str, str] = {}
    for kind, attributes in spans:
        stages = stages_of(attributes)
        if kind == "RERANKER":
            reranked = stages.get("rerank_out", [])
        else:
            retrieved = stages.get("retrieved", [])
        for passages in stages.values():
            texts.update((each.document_id, each.content) for each in passages if each.content)
    found = (
        Passage(
            document_id=each.document_id,
            content=each.content or (each.document_id and texts.get(each.document_id, "")),
        )
        for each in reranked or retrieved
    )
    return tuple(passage for passage in found if passage.content)


def stages_of(attributes: Mapping[str, str]) -> dict[str, list[Passage]]:
    """One span's documents by stage, best first: OpenInference's flat keys or GenAI's JSON list."""
    stages: dict[str, dict[int, dict[str, str]]] = {}
    for key, value in attributes.items():
        match = _KEY.fullmatch(key)
        if match is not None:
            place = stages.setdefault(_STAGES[match[1]], {}).setdefault(int(match[2]), {})
            place[match[3]] = value
    passages = {
        stage: [_passage(places[place]) for place in sorted(places)] for stage, places in stages.items()
    }
    if "retrieved" not in passages and _GEN_AI_DOCUMENTS in attributes:
        passages["retrieved"] = _gen_ai(attributes[_GEN_AI_DOCUMENTS])
    return passages


def _passage(fields: Mapping[str, str]) -> Passage:
    return Passage(document_id=fields.get("id", ""), content=fields.get("content", ""))


def _gen_ai(text: str) -> list[Passage]:
    try:
        documents = json.loads(text)
    except ValueError:
        return []
    if not isinstance(documents, list):
        return []
    return [
        Passage(document_id=_text(document.get("id")), content=_text(document.get("content")))
        for document in documents
        if isinstance(document, dict)
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
