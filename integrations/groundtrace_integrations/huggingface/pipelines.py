"""transformers' pipelines for text: generation as an LLM span, feature extraction as an EMBEDDING span.

A pipeline that is given a generator or a data set hands out results one by one as the app asks for
them, in a loop over a corpus: no request waits for that, and it has no span.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from groundtrace import semconv
from groundtrace.attributes import Attributes, json_attribute, merge_attributes, token_attributes
from groundtrace.embedding import space_attributes, speed_attributes, text_attributes
from groundtrace.guard import guarded
from groundtrace.jsontext import json_text
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.settings import DEFAULT_MAX_ATTRIBUTE_CHARS
from groundtrace_integrations.calls import Call, CallTracer
from groundtrace_integrations.covering import cover_of
from groundtrace_integrations.hub_models import configured_model
from groundtrace_integrations.huggingface.generation import GenerationAnswers, begin_generation
from groundtrace_integrations.huggingface.tokens import encoded_tokens, generated_tokens
from groundtrace_integrations.huggingface.vectors import dimension_of
from groundtrace_integrations.openai.operations import CHAT, COMPLETIONS
from groundtrace_integrations.patches import Wrap
from groundtrace_integrations.stainless.operations import Request
from groundtrace_integrations.watching import Arguments, CoveredCall, OwnCall, Watch, watched


def pipeline_wraps(tracer: CallTracer, name: str) -> dict[str, Wrap]:
    """Wraps for the methods of the pipeline class ``name``."""
    begin, count = (
        (_begin_generation, _count_generated)
        if name == "TextGenerationPipeline"
        else (_begin_extraction, _count_encoded)
    )
    return {"__call__": watched(tracer, partial(begin, tracer)), "_forward": watched(tracer, count)}


def _begin_generation(tracer: CallTracer, pipeline: Any, arguments: Arguments) -> Watch | None:
    asked = asked_of(arguments.get("text_inputs"))
    if asked is None:
        return None
    model = configured_model(pipeline.model).name
    body = {**_plain_parameters(arguments, "text_inputs"), **asked}
    if model is not None:
        body["model"] = model
    request = Request(operation=CHAT if "messages" in asked else COMPLETIONS, body=body)
    return begin_generation(tracer, type(pipeline).__name__, request, PipelineAnswers(), {})


def asked_of(given: Any) -> dict[str, Any] | None:
    """Return prompts, or the messages of one chat; None for what hands out results one by one."""
    messages = getattr(given, "messages", given)  # transformers' own Chat holds them
    if isinstance(given, str):
        return {"prompt": given}
    if not isinstance(messages, list | tuple) or not messages:
        return None
    if all(isinstance(item, str) for item in messages):
        return {"prompt": list(messages)}
    if all(isinstance(item, Mapping) and "role" in item for item in messages):
        return {"messages": list(messages)}
    chats = [json_text(getattr(item, "messages", item), DEFAULT_MAX_ATTRIBUTE_CHARS) for item in messages]
    return {"prompt": chats}


def _plain_parameters(arguments: Arguments, *without: str) -> dict[str, Any]:
    return {
        name: value
        for name, value in arguments.items()
        if name not in without and isinstance(value, str | int | float | list)
    }


class PipelineAnswers(GenerationAnswers):
    """What a text-generation pipeline returns: for each prompt a list of texts, or of chats one message longer."""

    def answer(self, call: Call, request: Request, answer: object) -> Attributes:
        """Return what was written, without the prompt before it."""
        prompts = request.body.get("prompt")
        choices = [
            {"index": index, **_written(record, prompts)} for index, record in enumerate(_records(answer))
        ]
        return self.described(call, request, {"choices": choices})


def _records(answer: object) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for item in answer if isinstance(answer, list) else ():
        found.extend([item] if isinstance(item, Mapping) else _records(item))
    return found


def _written(record: Mapping[str, Any], prompts: object) -> dict[str, Any]:
    """Return a choice in the form of OpenAI's answers."""
    found = record.get("generated_text")
    if isinstance(found, list):
        return {"message": found[-1] if found else {}}
    if not isinstance(found, str):
        return {}
    known = [prompts] if isinstance(prompts, str) else prompts if isinstance(prompts, list) else []
    given = max((prompt for prompt in known if found.startswith(prompt)), key=len, default="")
    return {"text": found[len(given) :], "message": {"role": "assistant", "content": found}}


def _count_generated(pipeline: Any, arguments: Arguments) -> Watch | None:
    cover = cover_of(SpanKind.LLM, None)
    inputs = arguments.get("model_inputs")
    if cover is None or not isinstance(inputs, Mapping):
        return None
    ends = _ends_of(pipeline)
    return CoveredCall(cover, lambda outputs: generated_tokens(inputs, outputs, ends))


def _ends_of(pipeline: Any) -> frozenset[int]:
    """Return the tokens that end a text and fill it up."""
    config = getattr(pipeline.model, "generation_config", None)
    ends = [getattr(config, "pad_token_id", None), getattr(config, "eos_token_id", None)]
    flat = [number for end in ends for number in (end if isinstance(end, list) else [end])]
    return frozenset(number for number in flat if isinstance(number, int))


def _begin_extraction(tracer: CallTracer, pipeline: Any, arguments: Arguments) -> Watch | None:
    texts = _texts_of(arguments)
    model = configured_model(pipeline.model)
    if texts is None:
        return None
    cover = cover_of(SpanKind.EMBEDDING, None)
    if cover is not None:
        return CoveredCall(cover, lambda _: _model_attributes(model.name, model.version))
    call = tracer.begin_call(SpanKind.EMBEDDING, type(pipeline).__name__, GenAIOperation.EMBEDDINGS.value)
    if call.recording:
        with guarded("reading an encoder's arguments"):
            call.model = model.name
            call.add(_model_attributes(model.name, model.version))
            call.add(_asked_attributes(texts, arguments, call))
    return OwnCall(call, partial(_extracted, call))


def _texts_of(arguments: Arguments) -> Sequence[str] | None:
    args = arguments.get("args")
    given = args[0] if args else arguments.get("inputs")
    if isinstance(given, str):
        return [given]
    if isinstance(given, list | tuple) and all(isinstance(text, str) for text in given):
        return given
    return None


def _model_attributes(name: str | None, version: str | None) -> Attributes:
    # No fingerprint: these are vectors of tokens, and what the app pools them to is another space.
    attributes = space_attributes(model=name, version=version)
    attributes.pop(semconv.EMBEDDING_FINGERPRINT, None)
    return attributes


def _asked_attributes(texts: Sequence[str], arguments: Arguments, call: Call) -> Attributes:
    parameters = _plain_parameters(arguments, "args", "inputs")
    return merge_attributes(
        text_attributes(texts, call.settings),
        json_attribute(semconv.EMBEDDING_INVOCATION_PARAMETERS, parameters, call.settings),
        speed_attributes(text_count=0, duration_ns=0, batch_size=parameters.get("batch_size")),
    )


def _extracted(call: Call, vectors: Any) -> Attributes:
    count = call.attributes.get(semconv.EMBEDDING_TEXT_COUNT)
    attributes = speed_attributes(
        text_count=count if isinstance(count, int) else 0, duration_ns=call.duration_ns
    )
    dimension = dimension_of(vectors)
    if dimension is not None:
        attributes[semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT] = dimension
    return attributes


def _count_encoded(pipeline: Any, arguments: Arguments) -> Watch | None:  # noqa: ARG001 - as a Begin has it
    cover = cover_of(SpanKind.EMBEDDING, None)
    inputs = arguments.get("model_inputs")
    if cover is None or not isinstance(inputs, Mapping):
        return None
    counted = token_attributes(prompt=encoded_tokens(inputs))
    return CoveredCall(cover, lambda _: counted)
