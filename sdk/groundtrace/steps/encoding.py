"""The encoder step: texts in, vectors out."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar, overload

from groundtrace import semconv
from groundtrace.attributes import Attributes, merge_attributes, token_attributes
from groundtrace.embedding import space_attributes, speed_attributes, text_attributes, vector_attributes
from groundtrace.guard import guarded
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.steps.recognise import find_texts
from groundtrace.steps.step import Step
from groundtrace.vectors import vector_shape

P = ParamSpec("P")
R = TypeVar("R")


class EncoderStep(Step):
    """An embedding call while it runs."""

    kind = SpanKind.EMBEDDING
    operation = GenAIOperation.EMBEDDINGS

    def __init__(
        self,
        name: str | None = None,
        *,
        model: str | None = None,
        version: str | None = None,
        texts: str | Sequence[str] | None = None,
        dimension: int | None = None,
        normalized: bool | None = None,
        prefix: str | None = None,
        quantization: str | None = None,
        batch_size: int | None = None,
        indexing: bool = False,
    ) -> None:
        super().__init__(name, {semconv.INDEXING: True if indexing else None})
        self._own = (model, version, dimension)
        self._model, self._version, self._dimension = self._own
        self._space = (normalized, prefix, quantization)
        self._batch_size = batch_size
        self._texts = texts
        self._text_count = self._started_ns = 0

    @guarded("setting an encoder's model")
    def set_model(self, model: str, version: str | None = None) -> None:
        """Record which encoder this is; ``version`` tells two states of one model apart."""
        self._model, self._version = model, version

    @guarded("setting an encoder's dimension")
    def set_dimension(self, dimension: int) -> None:
        """Record how long its vectors are."""
        self._dimension = dimension

    @guarded("setting an encoder's tokens")
    def set_tokens(self, prompt: int) -> None:
        """Record how many tokens were embedded."""
        if self._span.is_recording():
            self._put(token_attributes(prompt=prompt))

    @guarded("setting an encoder's texts")
    def set_texts(self, texts: str | Sequence[str]) -> None:
        """Record what is embedded: how many texts, and the first 32 of them."""
        if not self._span.is_recording():
            return
        texts = [texts] if isinstance(texts, str) else list(texts)
        self._text_count = len(texts)
        self._put(text_attributes(texts, self._settings))

    @guarded("setting an encoder's vectors")
    def set_vectors(self, vectors: object) -> None:
        """Record what came out: dimension and norms, and the share of the vectors that is asked for."""
        if self._span.is_recording():
            self._read_result(vectors)

    def _begin(self) -> None:
        self._model, self._version, self._dimension = self._own
        self._text_count, self._started_ns = 0, time.perf_counter_ns()

    def _given_attributes(self) -> Attributes:
        if self._texts is not None:
            self.set_texts(self._texts)
        return {}

    def _last_attributes(self) -> Attributes:
        normalized, prefix, quantization = self._space
        space = space_attributes(
            model=self._model,
            version=self._version,
            dimension=self._dimension,
            normalized=normalized,
            prefix=prefix,
            quantization=quantization,
        )
        speed = speed_attributes(
            text_count=self._text_count,
            duration_ns=time.perf_counter_ns() - self._started_ns,
            batch_size=self._batch_size,
        )
        return merge_attributes(space, speed)

    def _read_arguments(self, arguments: Mapping[str, object]) -> None:
        texts = find_texts(arguments)
        if texts is None:
            super()._read_arguments(arguments)
        else:
            self.set_texts(texts)

    def _read_result(self, result: object) -> None:
        shape = vector_shape(result)
        if shape is not None:
            self._dimension = shape[1]
            self._put(vector_attributes(result, self._settings))

    def _read_item(self, item: object) -> None:
        shape = vector_shape(item)
        if shape is not None:
            self._dimension = shape[1]


@overload
def encoder(name: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def encoder(
    name: str | None = None,
    *,
    model: str | None = None,
    version: str | None = None,
    texts: str | Sequence[str] | None = None,
    dimension: int | None = None,
    normalized: bool | None = None,
    prefix: str | None = None,
    quantization: str | None = None,
    batch_size: int | None = None,
    indexing: bool = False,
) -> EncoderStep: ...
def encoder(
    name: Callable[P, R] | str | None = None,
    *,
    model: str | None = None,
    version: str | None = None,
    texts: str | Sequence[str] | None = None,
    dimension: int | None = None,
    normalized: bool | None = None,
    prefix: str | None = None,
    quantization: str | None = None,
    batch_size: int | None = None,
    indexing: bool = False,
) -> Callable[P, R] | EncoderStep:
    """Trace an embedding call: ``with groundtrace.encoder(model="minilm", version="2", texts=q):``.

    A decorated function's texts are read from its arguments and the dimension from what it
    returns. ``indexing`` marks the embedding of documents to be stored, which no question waits
    for. ``normalized``, ``prefix`` and ``quantization`` belong to the space's fingerprint;
    ``batch_size`` is how many texts go through the model at a time.
    """
    if callable(name):
        return EncoderStep()(name)
    return EncoderStep(
        name,
        model=model,
        version=version,
        texts=texts,
        dimension=dimension,
        normalized=normalized,
        prefix=prefix,
        quantization=quantization,
        batch_size=batch_size,
        indexing=indexing,
    )
