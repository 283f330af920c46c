"""OpenAI's client as OpenInference's instrumentor tells it, and as ours does."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any

import openai
import pytest

from groundtrace_integrations.openai import OpenAIInstrumentor
from tests.integrations.differential.both import Difference, compared
from tests.integrations.provider_stub import Provider, Reply, serving

theirs = pytest.importorskip("openinference.instrumentation.openai")

# All that our spans have and OpenInference's have not, one by one.
MORE = {
    "embedding.fingerprint": "the space that the vectors lie in",
    "embedding.norm.max": "how long the vectors are, whether or not they are shown",
    "embedding.norm.mean": "",
    "embedding.norm.min": "",
    "embedding.text_count": "how many texts, where only the first are shown",
    "embedding.texts_per_second": "the encoder's speed",
    "error.type": "OpenTelemetry's name of an error",
    "gen_ai.embeddings.dimension.count": "GenAI's names stand beside OpenInference's",
    "gen_ai.operation.name": "",
    "gen_ai.provider.name": "",
    "gen_ai.request.max_tokens": "",
    "gen_ai.request.model": "",
    "gen_ai.request.stream": "",
    "gen_ai.request.temperature": "",
    "gen_ai.response.finish_reasons": "",
    "gen_ai.response.id": "",
    "gen_ai.response.model": "",
    "gen_ai.response.time_to_first_chunk": "",
    "gen_ai.usage.cache_read.input_tokens": "",
    "gen_ai.usage.input_tokens": "",
    "gen_ai.usage.output_tokens": "",
    "gen_ai.usage.reasoning.output_tokens": "",
    "llm.model_name": "the model asked for, where an error left no answer",
}
# What differs: theirs is the tool as the provider's answer repeats it, ours is the tool that the app gave.
OTHER = {"llm.tools.tool.json_schema"}

QUESTION: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where?", "name": "ada"},
]
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
RESPONSE_TOOL: Any = {"type": "function", "name": "weather", "parameters": {}, "strict": False}
CALLED: Any = {
    "id": "c1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Bern"}'},
}
PARTS: Any = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "https://example.org/bern.png"}},
]
ITEMS: Any = [
    {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
    {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Bern"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
]
Case = Callable[[openai.OpenAI, Provider], Any]


def failing(client: openai.OpenAI, provider: Provider) -> None:
    provider.script.append(Reply(status=400, body={"error": {"message": "no"}}))
    with contextlib.suppress(openai.BadRequestError):
        client.chat.completions.create(model="gpt", messages=QUESTION)


def asynchronous(_: openai.OpenAI, provider: Provider) -> None:
    async def ask() -> None:
        async with openai.AsyncOpenAI(api_key="sk", base_url=provider.url) as aclient:
            await aclient.chat.completions.create(model="gpt", messages=QUESTION)
            await aclient.embeddings.create(model="e", input="Bern")
            async for _ in await aclient.responses.create(model="gpt", input="Where?", stream=True):
                pass

    asyncio.run(ask())


def several(_: openai.OpenAI, provider: Provider) -> None:
    """Ask at once, as a batch does."""

    async def ask() -> None:
        async with openai.AsyncOpenAI(api_key="sk", base_url=provider.url) as aclient:
            await asyncio.gather(
                *(aclient.chat.completions.create(model="gpt", messages=QUESTION) for _ in range(3))
            )

    asyncio.run(ask())


CASES: dict[str, Case] = {
    "chat": lambda client, _: client.chat.completions.create(model="gpt", messages=QUESTION, temperature=0.1),
    "choices": lambda client, _: client.chat.completions.create(model="gpt", messages=QUESTION, n=2),
    "tools": lambda client, _: client.chat.completions.create(
        model="gpt",
        messages=[
            *QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [CALLED]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
        tools=[TOOL],
    ),
    "functions": lambda client, _: client.chat.completions.create(
        model="gpt",
        messages=[
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "3"},
        ],
    ),
    "parts": lambda client, _: client.chat.completions.create(
        model="gpt", messages=[{"role": "user", "content": PARTS}]
    ),
    "stream": lambda client, _: list(
        client.chat.completions.create(
            model="gpt", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    ),
    "tool-stream": lambda client, _: list(
        client.chat.completions.create(model="gpt", messages=QUESTION, tools=[TOOL], stream=True)
    ),
    "raw": lambda client, _: client.chat.completions.with_raw_response.create(
        model="gpt", messages=QUESTION
    ).parse(),
    "completions": lambda client, _: client.completions.create(model="gpt", prompt=["Bern?", "Basel?"]),
    "completion-stream": lambda client, _: list(
        client.completions.create(model="gpt", prompt="?", stream=True)
    ),
    "embedding": lambda client, _: client.embeddings.create(model="e", input="Bern"),
    "embeddings": lambda client, _: client.embeddings.create(
        model="e", input=["Bern", "Basel"], encoding_format="float"
    ),
    "response": lambda client, _: client.responses.create(
        model="gpt", instructions="Be brief.", input="Where?", max_output_tokens=9
    ),
    "response-items": lambda client, _: client.responses.create(
        model="gpt", input=ITEMS, tools=[RESPONSE_TOOL]
    ),
    "response-stream": lambda client, _: list(client.responses.create(model="gpt", input="?", stream=True)),
    "error": failing,
    "async": asynchronous,
    "batch": several,
}


@functools.cache
def told(case: str) -> Difference:
    """What differs in one case; each is asked once."""
    with serving() as provider, openai.OpenAI(api_key="sk", base_url=provider.url, max_retries=0) as client:
        return compared(
            theirs.OpenAIInstrumentor(), OpenAIInstrumentor(), lambda: CASES[case](client, provider)
        )


@pytest.mark.parametrize("case", CASES)
def test_attributes_are_the_same(case: str) -> None:
    found = told(case)

    assert found.less == set()
    assert {key: pair for key, pair in found.other.items() if key not in OTHER} == {}
    assert found.more - set(MORE) == set()


def test_the_list_of_what_is_more_is_not_too_long() -> None:
    found = [told(case) for case in CASES]

    assert set().union(*(difference.more for difference in found)) == set(MORE)
    assert set().union(*(difference.other for difference in found)) == OTHER
