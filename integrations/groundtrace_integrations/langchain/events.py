"""What happens to LangChain's runs, told as spans."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from groundtrace import semconv
from groundtrace.attributes import Attributes, input_attributes, merge_attributes, output_attributes
from groundtrace.guard import guarded
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.settings import TraceSettings
from groundtrace_integrations.identity import whole
from groundtrace_integrations.langchain import graphs, models
from groundtrace_integrations.langchain.caches import without_usage
from groundtrace_integrations.langchain.documents import retrieved_attributes
from groundtrace_integrations.langchain.frames import take_slot
from groundtrace_integrations.langchain.metadata import prompt_version
from groundtrace_integrations.langchain.runs import Run
from groundtrace_integrations.langchain.tracer import RunTracer
from groundtrace_integrations.langchain.usage import first_generation
from groundtrace_integrations.langchain.values import shown_value
from groundtrace_integrations.langchain.verbose import (
    function_call_attributes,
    template_attributes,
    verbose_answer,
    verbose_messages,
    verbose_value,
)

_FALLBACKS: Final = "RunnableWithFallbacks"


class RunEvents:
    """Opens a span for each run and closes it. Attaches it only where a frame waits for it.

    ``manager`` is the callback manager around a run, which knows the run's parent, tags and metadata.
    """

    __slots__ = ("tracer",)

    def __init__(self, tracer: RunTracer) -> None:
        """Runs are opened and closed through ``tracer``."""
        self.tracer = tracer

    # --- chains

    def start_chain(
        self, manager: Any, run_id: UUID, serialized: Any, inputs: Any, options: Mapping[str, Any]
    ) -> None:
        """Open a CHAIN, PROMPT or AGENT span."""
        name = options.get("name") or _name(serialized)
        run_type = options.get("run_type")
        run = self.tracer.runs.get(run_id)
        if run is None:
            kind = _chain_kind(name, run_type)
            run = self._begin(kind, name, manager, run_id, plumbing=kind is not SpanKind.AGENT)
            if name == _FALLBACKS:
                run.fallbacks = 0
            if run.metadata:
                self._place(run, name, run_type, inputs)
        # Else LangGraph tells of it once more: what it has tracers see instead of the input.
        if not _keeps_values(run):
            return
        settings = run.settings
        if not _is_placeholder(inputs):
            run.add(input_attributes(_value(inputs, settings), settings))
        if settings.plumbing == "full":
            run.add(template_attributes(serialized, inputs, settings))

    def _begin(self, kind: SpanKind, name: str, manager: Any, run_id: UUID, *, plumbing: bool = False) -> Run:
        tracer = self.tracer
        run = tracer.begin(
            kind,
            name,
            parent=tracer.runs.get(manager.parent_run_id),
            plumbing=plumbing,
            metadata=manager.metadata,
            tags=manager.tags,
        )
        tracer.runs.add(run_id, run)
        return run

    def _place(self, run: Run, name: str, run_type: str | None, inputs: Any) -> None:
        """Note what metadata tell of a chain's place: in a conversation, in a graph, before a model."""
        if run.parent is None:
            self.tracer.threads.note(run.span, run.metadata, resumed=graphs.resumes(inputs))
            return
        if run.owned and graphs.is_node(run, name):
            run.add(graphs.node_attributes(run))
        if run_type == "prompt":
            run.parent.prompt_version = prompt_version(run.metadata) or run.parent.prompt_version

    def end_chain(self, run_id: UUID, outputs: Any, options: Mapping[str, Any]) -> None:
        """Close a chain's span. ``inputs`` are among the options of streams only, which learn them as they go."""
        run = self.tracer.runs.take(run_id)
        if run is None:
            return
        if options.get("inputs") is not None and self.tracer.runs.has_child(run):
            run.cancelled = True  # the stream's steps are still open: its reader left early
        self.tracer.end(run, _chain_values(run, outputs, options) if _keeps_values(run) else None)

    def fail_chain(self, run_id: UUID, error: BaseException, options: Mapping[str, Any]) -> None:
        """Close a chain's span with its error."""
        run = self.tracer.runs.take(run_id)
        if run is not None:
            self.tracer.end(run, _chain_values(run, None, options) if _keeps_values(run) else None, error)

    # --- models

    def start_chat_model(
        self,
        manager: Any,
        run_id: UUID,
        serialized: Any,
        messages: list[BaseMessage],
        options: Mapping[str, Any],
    ) -> None:
        """Open an LLM span with the messages."""
        run = self._start_model(manager, run_id, serialized, options)
        if not run.recording:
            return
        settings = run.settings
        run.add(models.input_message_attributes(messages, settings))
        if _whole_model(run):
            full = settings.plumbing == "full"
            shown = verbose_messages([messages]) if full else shown_value(messages)
            run.add(input_attributes(shown, settings))

    def start_completion(
        self, manager: Any, run_id: UUID, serialized: Any, prompt: str, options: Mapping[str, Any]
    ) -> None:
        """Open an LLM span with the prompt."""
        run = self._start_model(manager, run_id, serialized, options)
        if not run.recording:
            return
        settings = run.settings
        run.add(models.prompt_attributes([prompt], settings))
        run.attributes[semconv.GEN_AI_OPERATION_NAME] = GenAIOperation.TEXT_COMPLETION.value
        if _whole_model(run):
            shown = {"prompts": [prompt]} if settings.plumbing == "full" else prompt
            run.add(input_attributes(shown, settings))

    def _start_model(self, manager: Any, run_id: UUID, serialized: Any, options: Mapping[str, Any]) -> Run:
        run = self._begin(SpanKind.LLM, options.get("name") or _name(serialized), manager, run_id)
        take_slot(SpanKind.LLM, run)
        if not run.recording:
            return run
        parameters = options.get("invocation_params") or {}
        run.add(models.request_attributes(run.metadata, parameters, run.settings))
        version = prompt_version(run.metadata) or (run.parent.prompt_version if run.parent else None)
        if version is not None:
            run.attributes.setdefault(semconv.LLM_PROMPT_TEMPLATE_VERSION, version)
        return run

    def note_token(self, run_id: UUID, token: Any, options: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Note when a stream's first token or event came."""
        run = self.tracer.runs.get(run_id)
        if run is None or run.first_token:
            return
        run.first_token = True
        now = time.time_ns()
        run.attributes[semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = (now - run.started_ns) / 1e9
        run.span.add_event(semconv.FIRST_TOKEN_EVENT, timestamp=now)

    def end_model(self, run_id: UUID, response: LLMResult, options: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Close a model's span with its answer."""
        self._end_model(run_id, response, None)

    def fail_model(self, run_id: UUID, error: BaseException, options: Mapping[str, Any]) -> None:
        """Close a model's span with its error and what had arrived."""
        response = options.get("response")
        self._end_model(run_id, response if isinstance(response, LLMResult) else None, error)

    def _end_model(self, run_id: UUID, response: LLMResult | None, error: BaseException | None) -> None:
        run = self.tracer.runs.take(run_id)
        if run is None:
            return
        attributes: Attributes = {}
        if response is not None and run.recording:
            with guarded("reading a model's answer"):
                attributes = models.response_attributes(response, run.settings)
                if run.attributes.get(semconv.CACHE_HIT):
                    attributes = without_usage(attributes)
                if _whole_model(run):
                    attributes = merge_attributes(attributes, _answer(response, run.settings))
        self.tracer.end(run, attributes, error)

    # --- retrievers

    def start_retriever(
        self, manager: Any, run_id: UUID, serialized: Any, query: str, options: Mapping[str, Any]
    ) -> None:
        """Open a RETRIEVER span with the query."""
        run = self._begin(SpanKind.RETRIEVER, options.get("name") or _name(serialized), manager, run_id)
        take_slot(SpanKind.RETRIEVER, run)
        if run.recording:
            run.add(input_attributes(query, run.settings))

    def end_retriever(self, run_id: UUID, documents: Sequence[Document], options: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Close a retriever's span with its documents."""
        run = self.tracer.runs.take(run_id)
        if run is None:
            return
        attributes: Attributes = {}
        if run.recording:
            with guarded("reading retrieved documents"):
                attributes = _retrieved(run, documents)
        self.tracer.end(run, attributes)

    def fail(self, run_id: UUID, error: BaseException, options: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Close a retriever's or a tool's span with its error."""
        run = self.tracer.runs.take(run_id)
        if run is not None:
            self.tracer.end(run, error=error)

    # --- tools

    def start_tool(
        self, manager: Any, run_id: UUID, serialized: Any, input_str: str, options: Mapping[str, Any]
    ) -> None:
        """Open a TOOL span with the tool's input."""
        serialized = serialized or {}
        run = self._begin(SpanKind.TOOL, options.get("name") or _name(serialized), manager, run_id)
        if not run.recording:
            return
        for key, genai_key, value in (
            (semconv.TOOL_NAME, semconv.GEN_AI_TOOL_NAME, serialized.get("name")),
            (semconv.TOOL_DESCRIPTION, semconv.GEN_AI_TOOL_DESCRIPTION, serialized.get("description")),
            (semconv.TOOL_ID, semconv.GEN_AI_TOOL_CALL_ID, options.get("tool_call_id")),
        ):
            if isinstance(value, str) and value:
                run.attributes[key] = run.attributes[genai_key] = value
        run.add(input_attributes(_value(options.get("inputs") or input_str, run.settings), run.settings))

    def end_tool(self, run_id: UUID, output: Any, options: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Close a tool's span with its output."""
        run = self.tracer.runs.take(run_id)
        if run is None:
            return
        attributes: Attributes = {}
        if run.recording:
            with guarded("reading a tool's output"):
                attributes = output_attributes(_value(output, run.settings), run.settings)
                call_id = getattr(output, "tool_call_id", None)
                if isinstance(call_id, str):  # older versions tell it nowhere else
                    attributes[semconv.TOOL_ID] = attributes[semconv.GEN_AI_TOOL_CALL_ID] = call_id
        self.tracer.end(run, attributes)


def _chain_kind(name: str, run_type: str | None) -> SpanKind:
    if "agent" in name.lower():
        return SpanKind.AGENT
    return SpanKind.PROMPT if run_type == "prompt" else SpanKind.CHAIN


def _chain_values(run: Run, outputs: Any, options: Mapping[str, Any]) -> Attributes:
    settings = run.settings
    attributes = output_attributes(_value(outputs, settings), settings)
    inputs = options.get("inputs")
    if inputs is not None:
        attributes = merge_attributes(input_attributes(_value(inputs, settings), settings), attributes)
    return attributes


def _value(value: Any, settings: TraceSettings) -> object:
    if settings.plumbing == "full":
        return verbose_value(value)
    return shown_value(graphs.shown_command(value))


def _whole_model(run: Run) -> bool:
    """Whether the span also carries input and output values, which repeat its messages."""
    return run.parent is None or run.settings.plumbing == "full"


def _answer(response: LLMResult, settings: TraceSettings) -> Attributes:
    if settings.plumbing != "full":
        return output_attributes(models.answer_text(response), settings)
    message = getattr(first_generation(response), "message", None)
    whole_answer = output_attributes(verbose_answer(response), settings)
    return merge_attributes(whole_answer, function_call_attributes(message, settings))


def _retrieved(run: Run, documents: Sequence[Document]) -> Attributes:
    settings = run.settings
    attributes = retrieved_attributes(documents, run)
    if semconv.RETRIEVAL_TOP_K not in attributes:
        top_k = whole(run.instance, "k", "top_k", "top_n")
        if top_k is not None:
            attributes[semconv.RETRIEVAL_TOP_K] = attributes[semconv.GEN_AI_RETRIEVAL_TOP_K] = top_k
    if settings.plumbing == "full":
        attributes = merge_attributes(output_attributes({"documents": documents}, settings), attributes)
    return attributes


def _keeps_values(run: Run) -> bool:
    if run.plumbing and run.settings.plumbing != "full":
        return False
    return run.recording


def _is_placeholder(inputs: object) -> bool:
    """Whether a stream has yet to say what goes into it."""
    return (
        type(inputs) is dict
        and len(inputs) == 1
        and isinstance(text := inputs.get("input"), str)
        and not text
    )


def _name(serialized: Mapping[str, Any] | None) -> str:
    """Return a component's class name out of its serialised form."""
    if serialized:
        name = serialized.get("name")
        if isinstance(name, str) and name:
            return name
        path = serialized.get("id")
        if isinstance(path, list) and path:
            return str(path[-1])
    return "LangChain"
