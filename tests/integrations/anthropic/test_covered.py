"""Below a framework's model call: the framework's span is the one."""

from typing import Any

import anthropic
import pytest

from tests.integrations.anthropic.test_messages import ASKED, QUESTION
from tests.integrations.message_replies import ANSWER
from tests.integrations.provider_stub import Provider
from tests.span_recorder import SpanRecorder

pytest.importorskip("langchain_core")

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda

from groundtrace_integrations.langchain import LangChainInstrumentor


class ClientModel(BaseChatModel):
    """A chat model of LangChain's over Anthropic's client, as langchain-anthropic has it."""

    client: Any
    model_name: str = "claude"

    @property
    def _llm_type(self) -> str:
        return "client"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:  # noqa: ARG002
        answer = self.client.messages.create(**ASKED)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer.content[0].text))])


@pytest.mark.parametrize("way", ["invoke", "batch", "stream"])
def test_the_call_is_told_once_and_the_clients_own_span_makes_way(
    traced: SpanRecorder, client: anthropic.Anthropic, provider: Provider, way: str
) -> None:
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=traced.provider, skip_dep_check=True)
    chain = RunnableLambda(str) | ClientModel(client=client)
    try:
        match way:
            case "invoke":
                chain.invoke("Where?")
            case "batch":
                chain.batch(["Where?"])
            case _:
                list(chain.stream("Where?"))
        client.messages.create(model="other", max_tokens=8, messages=QUESTION)
    finally:
        instrumentor.uninstrument()

    assert len(provider.asked) == 2
    assert [span.name for span in traced.of_kind("LLM")] == ["ClientModel", "messages.create"]
    assert traced.of_kind("LLM")[0].attributes["llm.output_messages.0.message.content"] == ANSWER
    assert [span.name for span in traced.all() if span.kind is None] == []
    assert len(traced.trace_ids()) == 2
