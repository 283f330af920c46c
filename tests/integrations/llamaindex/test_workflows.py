"""Workflows and agents: each run a trace, its steps by name, its control flow no error."""

import asyncio
from typing import Any

import pytest
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step

from tests.integrations.llamaindex.parts import ANSWER, SayingLLM
from tests.span_recorder import SpanRecorder


class Drafted(Event):
    text: str


class Reviewing(Workflow):
    """Two steps, each of which asks the model."""

    @step
    async def draft(self, ev: StartEvent) -> Drafted:
        return Drafted(text=str(await SayingLLM().achat([]) if ev.topic else ""))

    @step
    async def review(self, ctx: Context, ev: Drafted) -> StopEvent:  # noqa: ARG002
        await SayingLLM().achat([])
        return StopEvent(result=ev.text.removeprefix("assistant: "))


class Failing(Workflow):
    @step
    async def only(self, ev: StartEvent) -> StopEvent:
        raise LookupError(str(ev.topic))


class Fanning(Workflow):
    """Parallel steps that are collected again."""

    @step
    async def fan(self, ctx: Context, ev: StartEvent) -> Drafted | None:  # noqa: ARG002
        for number in range(3):
            ctx.send_event(Drafted(text=str(number)))
        return None

    @step(num_workers=3)
    async def work(self, ev: Drafted) -> StopEvent | None:
        await SayingLLM().achat([])
        return StopEvent(result=ev.text) if ev.text == "2" else None


async def test_a_workflow_is_one_trace_with_its_steps(traced: SpanRecorder) -> None:
    assert await Reviewing().run(topic="cats") == ANSWER

    assert len(traced.trace_ids()) == len(traced.roots()) == 1
    (root,) = traced.roots()
    assert (root.name, root.kind) == ("Reviewing.run", "CHAIN")
    assert (root.attributes["input.value"], root.attributes["output.value"]) == ("cats", ANSWER)
    assert [len(traced.children_of(traced.named(f"Reviewing.{name}"))) for name in ("draft", "review")] == [
        1,
        1,
    ]
    assert {span.status.name for span in traced.all()} == {"OK"}
    assert not any(span.event_names for span in traced.all())


async def test_each_run_is_a_trace_of_its_own_and_leaves_nothing_behind(traced: SpanRecorder) -> None:
    await asyncio.gather(*(Reviewing().run(topic=str(number)) for number in range(5)))
    SayingLLM().chat([])

    assert len(traced.trace_ids()) == len(traced.roots()) == 6


async def test_a_step_that_fails_is_an_error(traced: SpanRecorder) -> None:
    with pytest.raises(Exception, match="cats"):
        await Failing().run(topic="cats")
    await asyncio.sleep(0)

    assert traced.roots()[0].status.name == "ERROR"
    assert traced.named("Failing.only").attributes["error.type"] == "LookupError"


async def test_parallel_steps_hang_on_their_run(traced: SpanRecorder) -> None:
    await Fanning().run()
    await asyncio.sleep(0.01)

    assert len(traced.trace_ids()) == 1
    assert {span.status.name for span in traced.all()} == {"OK"}
    assert len(traced.of_kind("LLM")) >= 1


async def test_a_run_that_is_cancelled_is_no_error(traced: SpanRecorder) -> None:
    class Hanging(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:  # noqa: ARG002
            await asyncio.sleep(30)
            return StopEvent()

    handler = Hanging().run()
    await asyncio.sleep(0.05)
    await handler.cancel_run()
    with pytest.raises(Exception) as raised:  # noqa: PT011 - the version's own
        await handler
    await asyncio.sleep(0.05)

    assert "Cancel" in type(raised.value).__name__
    assert {span.status.name for span in traced.all()} == {"OK"}


def test_a_tool_is_a_span(traced: SpanRecorder) -> None:
    def weather(city: str) -> str:
        """Tell the weather."""
        return f"rain in {city}"

    FunctionTool.from_defaults(weather).call(city="Bern")

    span = traced.one()
    found = span.attributes
    assert (span.kind, found["tool.name"], found["gen_ai.tool.name"]) == ("TOOL", "weather", "weather")
    assert "Tell the weather." in found["tool.description"]
    assert found["input.value"] == "Bern"
    assert found["output.value"] == "rain in Bern"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of LlamaIndex's own calls
async def test_an_agent_is_one_trace(traced: SpanRecorder) -> None:
    agents: Any = pytest.importorskip("llama_index.core.agent.workflow")
    # The default memory is a database that nobody closes.
    memory = ChatMemoryBuffer.from_defaults(token_limit=1_000)
    model = SayingLLM(said="Thought: I can answer.\nAnswer: forty-two")

    answer = await agents.ReActAgent(llm=model, tools=[]).run(user_msg="What is it?", memory=memory)
    await asyncio.sleep(0)

    assert str(answer) == "forty-two"
    assert len(traced.trace_ids()) == len(traced.roots()) == 1
    (root,) = traced.roots()
    assert (root.name, root.kind) == ("ReActAgent.run", "AGENT")
    assert root.attributes["input.value"] == "What is it?"
    assert root.attributes["output.value"] == "forty-two"
    assert len(traced.of_kind("LLM")) == 1
