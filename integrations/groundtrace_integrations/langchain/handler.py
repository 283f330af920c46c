"""LangChain's callbacks, told as runs."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
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

_STARTING: Final = "starting a LangChain run's span"
_ENDING: Final = "ending a LangChain run's span"
_FALLBACKS: Final = "RunnableWithFallbacks"


class GroundtraceHandler(BaseCallbackHandler):
    """Opens a span for each run and closes it. Attaches nothing of its own: that is the frames' part."""

    # In the app's own task, not in an executor: only there are its context and its order known.
    run_inline = True

    def __init__(self, tracer: RunTracer) -> None:
        """Runs are opened and closed through ``tracer``."""
        self.tracer = tracer
        # LangChain swallows what handlers raise; under test our faults must come through.
        self.raise_error = os.environ.get("GROUNDTRACE_RAISE_FAULTS") == "1"

    # --- chains

    @guarded(_STARTING)
    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        run_type: str | None = None,
        name: str | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Open a CHAIN, PROMPT or AGENT span."""
        if self.tracer.off:
            return
        parent = self.tracer.parent_of(parent_run_id)
        name = name or _name(serialized)
        kind = self._chain_kind(name, run_type)
        run = self.tracer.begin(
            kind,
            name,
            parent=parent,
            plumbing=kind is not SpanKind.AGENT,
            metadata=metadata,
            tags=tags,
        )
        self.tracer.runs.add(run_id, run)
        if name == _FALLBACKS:
            run.fallbacks = 0
        if metadata:
            self._start_graph(run, name, inputs)
        if run_type == "prompt" and run.parent is not None and metadata:
            run.parent.prompt_version = prompt_version(metadata) or run.parent.prompt_version
        settings = self.tracer.settings
        if not _keeps_values(run, settings):
            return
        if not _is_placeholder(inputs):
            run.add(input_attributes(self._value(inputs), settings))
        if self._full:
            run.add(template_attributes(serialized, inputs, settings))

    def _start_graph(self, run: Run, name: str, inputs: Any) -> None:
        """Note what LangGraph's metadata tell of a run."""
        if run.parent is None:
            self.tracer.threads.note(run.span, run.metadata, resumed=graphs.resumes(inputs))
        elif run.owned and graphs.is_node(run, name):
            run.add(graphs.node_attributes(run))

    @guarded(_ENDING)
    def on_chain_end(self, outputs: Any, *, run_id: UUID, inputs: Any = None, **kwargs: Any) -> None:  # noqa: ARG002
        """Close a chain's span. ``inputs`` is given by streams only, which learn it as they go."""
        run = self.tracer.runs.take(run_id)
        if run is None:
            return
        if inputs is not None and self.tracer.runs.has_child(run):
            run.cancelled = True  # the stream's steps are still open: its reader left early
        self.tracer.end(run, self._chain_values(run, inputs, outputs))

    @guarded(_ENDING)
    def on_chain_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        inputs: Any = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Close a chain's span with its error."""
        run = self.tracer.runs.take(run_id)
        if run is not None:
            self.tracer.end(run, self._chain_values(run, inputs, None), error)

    def _chain_kind(self, name: str, run_type: str | None) -> SpanKind:
        if "agent" in name.lower():
            return SpanKind.AGENT
        if run_type == "prompt":
            return SpanKind.PROMPT
        return SpanKind.CHAIN

    def _chain_values(self, run: Run, inputs: Any, outputs: Any) -> Attributes:
        settings = self.tracer.settings
        if not _keeps_values(run, settings):
            return {}
        attributes = output_attributes(self._value(outputs), settings)
        if inputs is not None:
            attributes = merge_attributes(input_attributes(self._value(inputs), settings), attributes)
        return attributes

    def _value(self, value: Any) -> object:
        return verbose_value(value) if self._full else shown_value(graphs.shown_command(value))

    @property
    def _full(self) -> bool:
        return self.tracer.settings.plumbing == "full"

    # --- models

    @guarded(_STARTING)
    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Open an LLM span with the messages."""
        run = self._start_model(serialized, run_id, **kwargs)
        if run is None:
            return
        first = messages[0] if messages else []
        run.add(models.input_message_attributes(first, self.tracer.settings))
        if self._whole_model(run):
            shown = verbose_messages(messages) if self._full else shown_value(first)
            run.add(input_attributes(shown, self.tracer.settings))

    @guarded(_STARTING)
    def on_llm_start(
        self, serialized: dict[str, Any] | None, prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Open an LLM span with the prompt."""
        run = self._start_model(serialized, run_id, **kwargs)
        if run is None:
            return
        run.add(models.prompt_attributes(prompts, self.tracer.settings))
        run.attributes[semconv.GEN_AI_OPERATION_NAME] = GenAIOperation.TEXT_COMPLETION.value
        if self._whole_model(run):
            asked = prompts[0] if len(prompts) == 1 else prompts
            shown = {"prompts": prompts} if self._full else asked
            run.add(input_attributes(shown, self.tracer.settings))

    def _start_model(
        self,
        serialized: dict[str, Any] | None,
        run_id: UUID,
        *,
        parent_run_id: UUID | None = None,
        tags: Sequence[str] | None = None,
        metadata: dict[str, Any] | None = None,
        invocation_params: Mapping[str, Any] | None = None,
        name: str | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> Run | None:
        """Return the run, or None when nothing is to be written on its span."""
        if self.tracer.off:
            return None
        parent = self.tracer.parent_of(parent_run_id)
        name = name or _name(serialized)
        run = self.tracer.begin(SpanKind.LLM, name, parent=parent, metadata=metadata, tags=tags)
        self.tracer.runs.add(run_id, run)
        take_slot(SpanKind.LLM, run)
        if not run.span.is_recording():
            return None
        run.add(models.request_attributes(run.metadata, invocation_params or {}, self.tracer.settings))
        version = prompt_version(run.metadata) or (run.parent.prompt_version if run.parent else None)
        if version is not None:
            run.attributes.setdefault(semconv.LLM_PROMPT_TEMPLATE_VERSION, version)
        return run

    def _whole_model(self, run: Run) -> bool:
        """Whether the span also carries input and output values, which repeat its messages."""
        return run.parent is None or self._full

    @guarded("noting a first token")
    def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """Note when a stream's first token came."""
        run = self.tracer.runs.get(run_id)
        if run is None or run.first_token:
            return
        run.first_token = True
        now = time.time_ns()
        run.attributes[semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = (now - run.started_ns) / 1e9
        run.span.add_event(semconv.FIRST_TOKEN_EVENT, timestamp=now)

    def on_stream_event(self, event: Any, *, run_id: UUID, **kwargs: Any) -> Any:
        """Note when a stream's first event came."""
        self.on_llm_new_token(event, run_id=run_id, **kwargs)

    @guarded(_ENDING)
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """Close a model's span with its answer."""
        self._end_model(run_id, response, None)

    @guarded(_ENDING)
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Close a model's span with its error and what had arrived."""
        response = kwargs.get("response")
        self._end_model(run_id, response if isinstance(response, LLMResult) else None, error)

    def _end_model(self, run_id: UUID, response: LLMResult | None, error: BaseException | None) -> None:
        run = self.tracer.runs.take(run_id)
        if run is None:
            return
        attributes: Attributes = {}
        if response is not None and run.span.is_recording():
            with guarded("reading a model's answer"):
                settings = self.tracer.settings
                attributes = models.response_attributes(response, settings)
                if run.attributes.get(semconv.CACHE_HIT):
                    attributes = without_usage(attributes)
                if self._whole_model(run):
                    attributes = merge_attributes(attributes, self._answer(response))
        self.tracer.end(run, attributes, error)

    def _answer(self, response: LLMResult) -> Attributes:
        settings = self.tracer.settings
        if not self._full:
            return output_attributes(models.answer_text(response), settings)
        message = getattr(first_generation(response), "message", None)
        whole_answer = output_attributes(verbose_answer(response), settings)
        return merge_attributes(whole_answer, function_call_attributes(message, settings))

    # --- retrievers

    @guarded(_STARTING)
    def on_retriever_start(
        self,
        serialized: dict[str, Any] | None,
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        name: str | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Open a RETRIEVER span with the query."""
        if self.tracer.off:
            return
        run = self.tracer.begin(
            SpanKind.RETRIEVER,
            name or _name(serialized),
            parent=self.tracer.parent_of(parent_run_id),
            metadata=metadata,
            tags=tags,
        )
        self.tracer.runs.add(run_id, run)
        take_slot(SpanKind.RETRIEVER, run)
        if run.span.is_recording():
            run.add(input_attributes(query, self.tracer.settings))

    @guarded(_ENDING)
    def on_retriever_end(self, documents: Sequence[Document], *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """Close a retriever's span with its documents."""
        run = self.tracer.runs.take(run_id)
        if run is None:
            return
        attributes: Attributes = {}
        if run.span.is_recording():
            with guarded("reading retrieved documents"):
                attributes = self._retrieved(run, documents)
        self.tracer.end(run, attributes)

    def _retrieved(self, run: Run, documents: Sequence[Document]) -> Attributes:
        settings = self.tracer.settings
        attributes = retrieved_attributes(documents, run, settings)
        if semconv.RETRIEVAL_TOP_K not in attributes:
            top_k = whole(run.instance, "k", "top_k", "top_n")
            if top_k is not None:
                attributes[semconv.RETRIEVAL_TOP_K] = attributes[semconv.GEN_AI_RETRIEVAL_TOP_K] = top_k
        if settings.plumbing == "full":
            attributes = merge_attributes(output_attributes({"documents": documents}, settings), attributes)
        return attributes

    @guarded(_ENDING)
    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """Close a retriever's span with its error."""
        run = self.tracer.runs.take(run_id)
        if run is not None:
            self.tracer.end(run, error=error)

    # --- tools

    @guarded(_STARTING)
    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        name: str | None = None,
        tool_call_id: str | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Open a TOOL span with the tool's input."""
        if self.tracer.off:
            return
        serialized = serialized or {}
        run = self.tracer.begin(
            SpanKind.TOOL,
            name or _name(serialized),
            parent=self.tracer.parent_of(parent_run_id),
            metadata=metadata,
            tags=tags,
        )
        self.tracer.runs.add(run_id, run)
        if not run.span.is_recording():
            return
        for key, genai_key, value in (
            (semconv.TOOL_NAME, semconv.GEN_AI_TOOL_NAME, serialized.get("name")),
            (semconv.TOOL_DESCRIPTION, semconv.GEN_AI_TOOL_DESCRIPTION, serialized.get("description")),
            (semconv.TOOL_ID, semconv.GEN_AI_TOOL_CALL_ID, tool_call_id),
        ):
            if isinstance(value, str) and value:
                run.attributes[key] = run.attributes[genai_key] = value
        run.add(input_attributes(self._value(inputs or input_str), self.tracer.settings))

    @guarded(_ENDING)
    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """Close a tool's span with its output."""
        run = self.tracer.runs.take(run_id)
        if run is None:
            return
        attributes: Attributes = {}
        if run.span.is_recording():
            with guarded("reading a tool's output"):
                attributes = output_attributes(self._value(output), self.tracer.settings)
                call_id = getattr(output, "tool_call_id", None)
                if isinstance(call_id, str):  # older versions tell it nowhere else
                    attributes[semconv.TOOL_ID] = attributes[semconv.GEN_AI_TOOL_CALL_ID] = call_id
        self.tracer.end(run, attributes)

    @guarded(_ENDING)
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """Close a tool's span with its error."""
        run = self.tracer.runs.take(run_id)
        if run is not None:
            self.tracer.end(run, error=error)


def _keeps_values(run: Run, settings: TraceSettings) -> bool:
    if run.plumbing and settings.plumbing != "full":
        return False
    return run.span.is_recording()


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
