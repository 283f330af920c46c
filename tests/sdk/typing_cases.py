"""What type checkers see; read by mypy in test_typing.py, never run."""
# ruff: noqa: ARG001 - only the signatures matter

from collections.abc import AsyncIterator, Callable, Iterator
from typing import assert_type

import groundtrace
from groundtrace import Document
from groundtrace.steps import (
    CacheStep,
    ChainStep,
    EncoderStep,
    LLMStep,
    RerankerStep,
    RetrieverStep,
    ToolStep,
)


@groundtrace.retriever
def bare(query: str, k: int = 3) -> list[Document]:
    return []


@groundtrace.retriever("search", top_k=3)
def named(query: str, *, k: int = 3) -> list[Document]:
    return []


@groundtrace.encoder(model="m")
async def encode(text: str) -> list[float]:
    return []


@groundtrace.llm
def stream(prompt: str) -> Iterator[str]:
    yield prompt


@groundtrace.llm(model="m")
async def astream(prompt: str) -> AsyncIterator[str]:
    yield prompt


async def decorated_functions_keep_their_types() -> None:
    assert_type(bare("q", k=1), list[Document])
    assert_type(named("q", k=1), list[Document])
    assert_type(await encode("t"), list[float])
    assert_type(stream("p"), Iterator[str])
    assert_type(astream("p"), AsyncIterator[str])
    bare(1)  # type: ignore[arg-type]
    named("q", 3)  # type: ignore[call-arg]


def blocks_give_their_own_steps() -> None:
    with groundtrace.retriever(query="q") as retriever:
        assert_type(retriever, RetrieverStep)
    with groundtrace.reranker(query="q") as reranker:
        assert_type(reranker, RerankerStep)
    with groundtrace.encoder(model="m") as encoder:
        assert_type(encoder, EncoderStep)
    with groundtrace.llm(model="m") as llm:
        assert_type(llm, LLMStep)
    with groundtrace.chain("c") as chain:
        assert_type(chain, ChainStep)
    with groundtrace.tool("t") as tool:
        assert_type(tool, ToolStep)
    with groundtrace.cache(query="q") as cache:
        assert_type(cache, CacheStep)


def routes_keep_the_first_ones_type(other: Callable[[str, int], list[Document]]) -> None:
    assert_type(groundtrace.fallback(bare, bare)("q"), list[Document])
    assert_type(groundtrace.split({"a": bare}, shares={"a": 1})("q", k=2), list[Document])
    assert_type(groundtrace.shadow(other, other)("q", 1), list[Document])
    groundtrace.retriever(query=3)  # type: ignore[call-overload]
