"""The encoder step: texts in, vectors out; the vectors themselves are not kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, ParamSpec, TypeVar, overload

from groundtrace import semconv
from groundtrace.attributes import Attributes, token_attributes
from groundtrace.fingerprint import embedding_fingerprint
from groundtrace.guard import guarded
from groundtrace.semconv import GenAIOperation, SpanKind
from groundtrace.steps.recognise import find_texts, vector_shape
from groundtrace.steps.step import Step
from groundtrace.text import safe_text

P = ParamSpec("P")
R = TypeVar("R")

# A batch of a whole corpus is no question to look at: its first texts tell what it is.
MAX_TEXTS: Final = 32


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
        indexing: bool = False,
    ) -> None:
        super().__init__(name, {semconv.INDEXING: True if indexing else None})
        self._own = (model, version, dimension)
        self._model, self._version, self._dimension = self._own
        self._space = (normalized, prefix, quantization)
        self._texts = texts

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
        if len(texts) == 1:
            self.set_input(texts[0])
        self._put(self._text_attributes(texts))

    def _text_attributes(self, texts: Sequence[str]) -> Attributes:
        attributes: Attributes = {semconv.EMBEDDING_TEXT_COUNT: len(texts)}
        settings = self._settings
        if not settings.texts or settings.hide_inputs or settings.hide_embeddings_text:
            return attributes
        cut: list[str] = [semconv.EMBEDDING_EMBEDDINGS] if len(texts) > MAX_TEXTS else []
        for index, text in enumerate(texts[:MAX_TEXTS]):
            key = f"{semconv.EMBEDDING_EMBEDDINGS}.{index}.{semconv.EMBEDDING_TEXT}"
            attributes[key] = safe_text(text, key, settings, cut)
        if cut:
            attributes[semconv.TRUNCATED] = tuple(cut)
        return attributes

    def _begin(self) -> None:
        self._model, self._version, self._dimension = self._own

    def _given_attributes(self) -> Attributes:
        if self._texts is not None:
            self.set_texts(self._texts)
        return {}

    def _last_attributes(self) -> Attributes:
        attributes: Attributes = {}
        if self._dimension is not None:
            attributes[semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT] = self._dimension
        if self._model is None:
            return attributes
        attributes[semconv.EMBEDDING_MODEL_NAME] = self._model
        attributes[semconv.GEN_AI_REQUEST_MODEL] = self._model
        if self._version is not None:
            attributes[semconv.EMBEDDING_MODEL_VERSION] = self._version
        normalized, prefix, quantization = self._space
        attributes[semconv.EMBEDDING_FINGERPRINT] = embedding_fingerprint(
            model=self._model,
            version=self._version,
            dimension=self._dimension,
            normalized=normalized,
            prefix=prefix,
            quantization=quantization,
        )
        return attributes

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

    def _read_item(self, item: object) -> None:
        self._read_result(item)


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
    indexing: bool = False,
) -> Callable[P, R] | EncoderStep:
    """Trace an embedding call: ``with groundtrace.encoder(model="minilm", version="2", texts=q):``.

    A decorated function's texts are read from its arguments and the dimension from what it
    returns. ``indexing`` marks the embedding of documents to be stored, which no question waits
    for. ``normalized``, ``prefix`` and ``quantization`` belong to the space's fingerprint.
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
        indexing=indexing,
    )
