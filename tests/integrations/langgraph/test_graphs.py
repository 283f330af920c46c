"""LangGraph over LangChain's instrumentor: nodes by name, control flow no error, conversations tied together."""

import asyncio
import operator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langgraph import types
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from opentelemetry import trace
from opentelemetry.context import get_current

from groundtrace.settings import TraceSettings, use_settings
from tests.integrations.langchain.parts import fact_store
from tests.span_recorder import RecordedSpan, SpanRecorder

MODEL = FakeListChatModel(responses=["Paris."])


class State(TypedDict):
    question: str
    notes: Annotated[list[str], operator.add]


ASKED: Any = {"question": "capital of France?", "notes": []}


def noting(name: str) -> Any:
    def node(state: State) -> dict[str, Any]:  # noqa: ARG001
        return {"notes": [name]}

    return node


def graph(*edges: tuple[str, str], name: str | None = None, checkpointer: Any = None, **nodes: Any) -> Any:
    builder = StateGraph(State)
    for node, action in nodes.items():
        builder.add_node(node, action)
    for one, other in edges:
        builder.add_edge(one, other)
    return builder.compile(checkpointer=checkpointer, name=name)


def retrieve(state: State) -> dict[str, Any]:
    found = RETRIEVER.invoke(state["question"])
    return {"notes": [document.page_content for document in found]}


def generate(state: State) -> dict[str, Any]:
    return {"notes": [str(MODEL.invoke("\n".join(state["notes"])).content)]}


RETRIEVER = fact_store().as_retriever(search_kwargs={"k": 2})
RAG = graph(
    (START, "retrieve"), ("retrieve", "generate"), ("generate", END), retrieve=retrieve, generate=generate
)


def nodes(traced: SpanRecorder) -> list[str]:
    return [span.name for span in traced.all() if "graph.node.name" in span.attributes]


def links(span: RecordedSpan) -> list[int]:
    return [link.context.span_id for link in span.span.links]


async def _drained(stream: Any) -> None:
    async for _ in stream:
        pass


async def called(way: str, app: Any) -> None:
    match way:
        case "invoke":
            app.invoke(ASKED)
        case "ainvoke":
            await app.ainvoke(ASKED)
        case "batch":
            app.batch([ASKED])
        case "abatch":
            await app.abatch([ASKED])
        case "thread":
            with ThreadPoolExecutor(1) as pool:
                pool.submit(app.invoke, ASKED).result()
        case "astream":
            await _drained(app.astream(ASKED))
        case "astream_events":
            await _drained(app.astream_events(ASKED, version="v2"))
        case mode:
            list(app.stream(ASKED, stream_mode=mode))


WAYS = ["invoke", "ainvoke", "batch", "abatch", "thread", "astream", "astream_events"]
MODES = ["values", "updates", "messages", "debug"]


@pytest.mark.parametrize("way", [*WAYS, *MODES])
async def test_a_graph_is_one_trace_with_its_nodes_by_name(traced: SpanRecorder, way: str) -> None:
    await called(way, RAG)

    assert len(traced.trace_ids()) == len(traced.roots()) == 1
    assert nodes(traced) == ["retrieve", "generate"]
    (root,), (model,), (retriever,) = traced.roots(), traced.of_kind("LLM"), traced.of_kind("RETRIEVER")
    assert root.name == "LangGraph"
    assert model.parent_id == traced.named("generate").span_id
    assert retriever.parent_id == traced.named("retrieve").span_id
    assert traced.of_kind("EMBEDDING")[0].parent_id == retriever.span_id
    assert retriever.document_ids == ["fact-paris", "fact-rome"]
    assert {span.status.name for span in traced.all()} == {"OK"}


def test_the_graph_keeps_its_input_and_output_and_its_name(traced: SpanRecorder) -> None:
    graph((START, "a"), a=noting("a"), name="research agent").invoke(ASKED)

    (root,) = traced.roots()
    assert (root.name, root.kind) == ("research agent", "AGENT")
    assert '"capital of France?"' in root.attributes["input.value"]
    assert root.attributes["output.value"] == '{"question":"capital of France?","notes":["a"]}'
    assert traced.named("a").attributes["graph.node.id"] == "a"


def test_parallel_nodes_hang_on_their_graph(traced: SpanRecorder) -> None:
    edges = [(START, "a"), (START, "b"), ("a", "c"), ("b", "c")]
    graph(*edges, a=generate, b=generate, c=noting("c")).invoke(ASKED)

    (root,) = traced.roots()
    assert sorted(nodes(traced)) == ["a", "b", "c"]
    assert all(traced.named(name).parent_id == root.span_id for name in "abc")
    assert sorted(span.parent_id or 0 for span in traced.of_kind("LLM")) == sorted(
        traced.named(name).span_id for name in "ab"
    )


def test_a_node_that_is_sent_to_many_times_is_a_span_each(traced: SpanRecorder) -> None:
    builder = StateGraph(State)
    builder.add_node("work", noting("work"))
    builder.add_conditional_edges(START, lambda state: [Send("work", state) for _ in range(3)])
    builder.compile().invoke(ASKED)

    assert nodes(traced) == ["work"] * 3
    assert len(traced.trace_ids()) == 1


def test_a_command_steers_and_is_no_error(traced: SpanRecorder) -> None:
    def route(state: State) -> Command[str]:  # noqa: ARG001
        return Command(goto="b", update={"notes": ["routed"]})

    assert graph((START, "route"), route=route, b=noting("b")).invoke(ASKED)["notes"] == ["routed", "b"]

    assert nodes(traced) == ["route", "b"]
    assert {span.status.name for span in traced.all()} == {"OK"}


def test_a_command_to_the_parent_graph_is_no_error(traced: SpanRecorder) -> None:
    def leave(state: State) -> Command[str]:  # noqa: ARG001
        return Command(goto="b", graph=Command.PARENT, update={"notes": ["left"]})

    inner = graph((START, "leave"), leave=leave)
    assert graph((START, "inner"), inner=inner, b=noting("b")).invoke(ASKED)["notes"] == ["left", "b"]

    assert nodes(traced) == ["inner", "leave", "b"]
    assert traced.named("leave").attributes["graph.node.parent_id"] == "inner"
    assert {span.status.name for span in traced.all()} == {"OK"}
    assert not any(span.event_names for span in traced.all())
    assert len(traced.trace_ids()) == 1


def asking(state: State) -> dict[str, Any]:  # noqa: ARG001
    return {"notes": [interrupt("sure?")]}


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def test_an_interrupt_is_no_error_and_its_resumption_points_back(traced: SpanRecorder) -> None:
    app = graph((START, "ask"), ("ask", "b"), ask=asking, b=noting("b"), checkpointer=MemorySaver())

    app.invoke(ASKED, thread("t1"))
    app.invoke(ASKED, thread("other"))
    assert app.invoke(Command(resume="yes"), thread("t1"))["notes"] == ["yes", "b"]

    stopped, other, resumed = traced.roots()
    assert {span.status.name for span in traced.all()} == {"OK"}
    assert not any(span.event_names for span in traced.all())
    assert len(traced.trace_ids()) == 3
    assert [span.attributes["session.id"] for span in (stopped, other, resumed)] == ["t1", "other", "t1"]
    assert links(resumed) == [stopped.span_id]
    assert links(stopped) == links(other) == []
    assert resumed.attributes["input.value"] == "yes"


def test_going_on_from_a_checkpoint_points_back(traced: SpanRecorder) -> None:
    builder = StateGraph(State)
    for name in ("a", "b"):
        builder.add_node(name, noting(name))
    builder.add_edge(START, "a")
    builder.add_edge("a", "b")
    app = builder.compile(checkpointer=MemorySaver(), interrupt_before=["b"])
    app.invoke(ASKED, thread("t1"))
    app.invoke(None, thread("t1"))

    stopped, resumed = traced.roots()
    assert links(resumed) == [stopped.span_id]
    assert nodes(traced) == ["a", "b"]


def test_a_new_turn_of_a_conversation_is_no_resumption(traced: SpanRecorder) -> None:
    app = graph((START, "a"), a=noting("a"), checkpointer=MemorySaver())
    app.invoke(ASKED, thread("t1"))
    app.invoke(ASKED, thread("t1"))

    assert [links(span) for span in traced.roots()] == [[], []]
    assert {span.attributes["session.id"] for span in traced.roots()} == {"t1"}


def failing(state: State) -> dict[str, Any]:
    raise LookupError(state["question"])


def test_a_node_that_fails_is_an_error_up_to_the_graph(traced: SpanRecorder) -> None:
    with pytest.raises(LookupError):
        graph((START, "a"), ("a", "bad"), a=noting("a"), bad=failing).invoke(ASKED)

    assert traced.named("bad").attributes["error.type"] == "LookupError"
    assert traced.named("bad").event_names == ["exception"]
    assert (traced.roots()[0].status.name, traced.named("a").status.name) == ("ERROR", "OK")


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_stream_left_early_is_no_error(traced: SpanRecorder, *, asynchronous: bool) -> None:
    if asynchronous:
        astream = RAG.astream(ASKED)
        await anext(astream)
        await astream.aclose()
        del astream
    else:
        stream = RAG.stream(ASKED)
        next(stream)
        stream.close()
        del stream
    await asyncio.sleep(0)

    assert {span.status.name for span in traced.all()} == {"OK"}
    assert len(traced.trace_ids()) == 1


def test_a_nodes_own_client_spans_hang_on_the_node(traced: SpanRecorder) -> None:
    def client(state: State) -> dict[str, Any]:  # noqa: ARG001
        trace.get_tracer("client").start_span("client call").end()
        return {"notes": []}

    graph((START, "a"), a=client).invoke(ASKED)

    assert traced.named("client call").parent_id == traced.named("a").span_id


def test_nodes_carry_values_in_full_only(traced: SpanRecorder) -> None:
    RAG.invoke(ASKED)
    assert "input.value" not in traced.named("generate").attributes
    traced.clear()
    use_settings(TraceSettings(plumbing="full"))
    RAG.invoke(ASKED)

    assert '"notes"' in traced.named("generate").attributes["output.value"]


async def test_mixed_calls_leave_no_context_behind(traced: SpanRecorder) -> None:
    app = graph((START, "a"), ("a", "b"), a=generate, b=noting("b"))
    bad = graph((START, "bad"), bad=failing)
    before = get_current()
    for _ in range(5):
        for way in [*WAYS, *MODES]:
            await called(way, app)
            assert get_current() is before, way
        with pytest.raises(LookupError):
            await bad.ainvoke(ASKED)
    assert get_current() is before

    assert len(traced.trace_ids()) == len(traced.roots()) == 60


def test_what_a_node_keeps_from_tracers_its_span_lacks(traced: SpanRecorder) -> None:
    policy = getattr(types, "TracePolicy", None)
    if policy is None:
        pytest.skip("this LangGraph has no trace policies")
    builder: Any = StateGraph(State)
    hiding = policy(process_inputs=lambda _: "short", process_outputs=lambda _: "shorter")
    builder.add_node("say", lambda state: {"notes": [state["question"]]}, trace_policy=hiding)
    builder.add_edge(START, "say")
    builder.add_edge("say", END)
    use_settings(TraceSettings(plumbing="full"))

    assert builder.compile().invoke(ASKED)["notes"] == [ASKED["question"]]

    (node,) = [span for span in traced.all() if span.name == "say"]
    assert (node.attributes["input.value"], node.attributes["output.value"]) == ("short", "shorter")
