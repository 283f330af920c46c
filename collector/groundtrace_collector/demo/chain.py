"""The demo's pipeline: retrieve 20, rerank to 5, answer from these."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnablePassthrough
from pydantic import SecretStr

from groundtrace.errors import GroundtraceError
from groundtrace_collector.demo.extractive import QUESTION_MARK, ExtractiveChatModel

PROMPT = ChatPromptTemplate.from_messages(
    [
        (
            "system",
            "Answer in a few sentences, from the passages only; say so when you do not know.",
        ),
        ("human", f"{{context}}{QUESTION_MARK}{{question}}"),
    ]
)


def answer_chain(
    retriever: BaseRetriever, reranker: BaseDocumentCompressor, model: BaseChatModel
) -> Runnable[str, str]:
    """A chain from a question to an answer."""

    def context(found: dict[str, object]) -> dict[str, str]:
        question, documents = found["question"], found["documents"]
        if not isinstance(question, str) or not isinstance(documents, list):
            raise TypeError(f"expected a question and its documents, got {found!r}")
        return {"question": question, "context": _text(reranker.compress_documents(documents, question))}

    retrieve = RunnableParallel(question=RunnablePassthrough(), documents=retriever)
    chain = retrieve | RunnableLambda(context, name="rerank") | PROMPT | model | StrOutputParser()
    return chain.with_config(run_name="answer")


def chat_model(base_url: str | None, name: str | None) -> BaseChatModel:
    """The extractive model, or the OpenAI-compatible one at ``base_url``; its key is OPENAI_API_KEY."""
    if base_url is None:
        return ExtractiveChatModel()
    from langchain_openai import ChatOpenAI

    # Servers on one's own machine want no key, but the client wants one.
    key = SecretStr(os.environ.get("OPENAI_API_KEY") or "none")
    return ChatOpenAI(base_url=base_url, model=name or "", api_key=key, temperature=0)


@contextmanager
def model_errors(base_url: str | None, name: str | None) -> Iterator[None]:
    """Say which model failed, and how, as a GroundtraceError."""
    if base_url is None:
        yield
        return
    from openai import OpenAIError

    try:
        yield
    except OpenAIError as exc:
        raise GroundtraceError(
            f"the model {name!r} at {base_url} failed: {exc};"
            " check --llm-base-url, --llm-model and OPENAI_API_KEY"
        ) from exc


def _text(documents: Sequence[Document]) -> str:
    return "\n\n".join(document.page_content for document in documents)
