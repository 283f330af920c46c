"""Encoders by their address: a Python object, an embeddings endpoint, or a folder with an ONNX model."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl

import numpy as np

from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_collector.replay.ranking import Vectors
from groundtrace_collector.replay.report import ReplayError
from groundtrace_evaluators.encoders import EncoderFailedError, Role, joined_prefixes
from groundtrace_evaluators.errors import EvaluatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from groundtrace_evaluators.encoders import Encoder as SpaceEncoder

_ENDPOINT_OPTIONS: Final = ("model", "dimension", "version", "query_prefix", "document_prefix")
_FOLDER_OPTIONS: Final = ("pooling", "query_prefix", "document_prefix", "version")
_OBJECT_OPTIONS: Final = ("model", "version", "query_prefix", "document_prefix")
_BATCH: Final = 256
_MATRIX_DIMENSIONS: Final = 2
_MODULE_AND_ATTRIBUTE: Final = 2


class Encoder(Protocol):
    """What a replay asks of an encoder; vectors are of unit length (or all zeros)."""

    name: str
    address: str

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector a query."""

    def documents(self, texts: Sequence[str]) -> Vectors:
        """One vector a document, or one for each part of a document too long for the encoder."""

    def fingerprint(self, dimension: int) -> str:
        """The name of the space, once the vectors' dimension is known."""

    def tokens(self, texts: Sequence[str]) -> int | None:
        """Tokens in the texts, None where the encoder cannot tell."""


def encoder_at(address: str) -> Encoder:
    """The encoder at an address.

    `module:attribute` is a Python object: a LangChain `Embeddings`, an object with `encode(texts)`, or a function
    of texts; the working directory is on the path. `http(s)://HOST/v1#model=NAME&dimension=N` is an
    OpenAI-compatible endpoint, whose key is read from OPENAI_API_KEY. Anything else is a folder with `model.onnx`
    and `tokenizer.json`. Options follow a `#`: `query_prefix`, `document_prefix`, `version`; `model` where there
    is a name to give; `pooling=mean|cls` for a folder.

    Raises ReplayError that says which part of the address is wrong; ConfigError and MissingExtraError as the
    encoders of `groundtrace_evaluators`.
    """
    place, _, fragment = address.partition("#")
    options = dict(parse_qsl(fragment, keep_blank_values=True))
    if place.startswith(("http://", "https://")):
        return _endpoint(address, place, _known(address, options, _ENDPOINT_OPTIONS))
    if Path(place).is_dir():
        return _folder(address, Path(place), _known(address, options, _FOLDER_OPTIONS))
    if len(place.split(":")) == _MODULE_AND_ATTRIBUTE:
        return ObjectEncoder(_imported(place), address, _known(address, options, _OBJECT_OPTIONS))
    raise ReplayError(
        f"{address!r} is no encoder: give module:attribute, http(s)://HOST/v1#model=NAME&dimension=N, or a"
        " folder with model.onnx and tokenizer.json"
    )


def _known(address: str, options: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    wrong = sorted(set(options) - set(names))
    if wrong:
        raise ReplayError(f"{address!r}: no option {wrong[0]!r} here; there are {', '.join(names)}")
    return options


def _imported(place: str) -> object:
    module, _, attribute = place.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: object = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ReplayError(f"the encoder {place!r} cannot be imported: {error}") from error
    return found


class ObjectEncoder:
    """A Python object as an encoder.

    Its space is named by its own `fingerprint`, else by its model's name (`model_name`, `model`), its
    `model_version` and the dimension; without a name by its address.
    """

    def __init__(self, target: object, address: str, options: Mapping[str, str]) -> None:
        self.address = address
        self._target = target
        self._prefixes = (options.get("query_prefix", ""), options.get("document_prefix", ""))
        self._encode_queries, self._encode_documents = _functions(target, address)
        self._model = (
            options.get("model") or _word(target, "model_name", "model") or address.partition("#")[0]
        )
        self._version = options.get("version") or _word(target, "model_version")
        self.name = f"{self._model}@{self._version}" if self._version else self._model

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector a query."""
        return self._encoded(self._encode_queries, texts, self._prefixes[0])

    def documents(self, texts: Sequence[str]) -> Vectors:
        """One vector a document; how much of it the object reads is its own affair."""
        rows = self._encoded(self._encode_documents, texts, self._prefixes[1])
        return Vectors(rows=rows, starts=np.arange(len(rows)))

    def fingerprint(self, dimension: int) -> str:
        """The object's own, else of what is known of it."""
        return _word(self._target, "fingerprint") or embedding_fingerprint(
            model=self._model,
            version=self._version,
            dimension=dimension,
            prefix=joined_prefixes(*self._prefixes),
        )

    def tokens(self, texts: Sequence[str]) -> int | None:
        """By the object's own `count_tokens(texts)`, where it has one."""
        count = getattr(self._target, "count_tokens", None)
        return int(count([*texts])) if callable(count) else None

    def _encoded(
        self, encode: Callable[[list[str]], Any], texts: Sequence[str], prefix: str
    ) -> NDArray[np.float32]:
        found = []
        for first in range(0, len(texts), _BATCH):
            batch = [prefix + text for text in texts[first : first + _BATCH]]
            found.append(_matrix(self._asked(encode, batch), len(batch), self.address))
        sizes = sorted({each.shape[1] for each in found})
        if len(sizes) > 1:
            raise ReplayError(
                f"{self.address!r} gave no vectors of one size: {sizes[0]} and {sizes[-1]} numbers"
            )
        return _unit(np.concatenate(found), self.address)

    def _asked(self, encode: Callable[[list[str]], Any], batch: list[str]) -> Any:
        try:
            return encode(batch)
        except Exception as error:
            raise ReplayError(
                f"{self.address!r} failed on {len(batch)} texts: {type(error).__name__}: {error}{_place(error)}"
            ) from error


def _place(error: Exception) -> str:
    """Where in the encoder's own code it was raised: the last line of the traceback."""
    calls = traceback.extract_tb(error.__traceback__)
    return f" ({calls[-1].filename}, line {calls[-1].lineno})" if calls else ""


def _functions(target: object, address: str) -> tuple[Callable[[list[str]], Any], Callable[[list[str]], Any]]:
    """How queries and how documents are encoded."""
    if not isinstance(target, (type, str, bytes)):  # texts have an `encode`, classes have every method
        one, many = getattr(target, "embed_query", None), getattr(target, "embed_documents", None)
        if callable(one) and callable(many):
            return (lambda texts: [one(text) for text in texts]), many
        encode = getattr(target, "encode", target)
        if callable(encode):
            return encode, encode
    raise ReplayError(
        f"{address!r} is {type(target).__name__} {target!r:.80}: an object with embed_query and embed_documents"
        " (LangChain), one with encode(texts), or a function of texts is needed; a class has to be instantiated"
    )


def _word(target: object, *names: str) -> str | None:
    """The first attribute that is a text."""
    values = (getattr(target, name, None) for name in names)
    return next((value for value in values if isinstance(value, str) and value), None)


def _matrix(vectors: object, count: int, address: str) -> NDArray[np.float32]:
    try:
        found = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ReplayError(f"{address!r} gave no vectors of one size: {error}") from error
    if found.ndim != _MATRIX_DIMENSIONS or len(found) != count:
        raise ReplayError(f"{address!r} gave an array of shape {found.shape} for {count} texts")
    return found


def _unit(rows: NDArray[np.float32], address: str) -> NDArray[np.float32]:
    if not np.isfinite(rows).all():
        raise ReplayError(f"{address!r} gave numbers that are not finite")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


@dataclass(slots=True)
class EvaluatorEncoder:
    """An encoder of `groundtrace_evaluators`: it cuts no text silently, so long documents come in parts."""

    inner: SpaceEncoder
    name: str
    address: str
    count: Callable[[Sequence[str]], int] | None

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector a query. Raises ReplayError for one longer than the encoder's window."""
        return self._rows(texts, Role.QUERY)

    def documents(self, texts: Sequence[str]) -> Vectors:
        """One vector a part."""
        parted = [self.inner.parts(text, role=Role.DOCUMENT) for text in texts]
        starts = np.cumsum([0, *(len(parts) for parts in parted)])[:-1]
        rows = self._rows([part for parts in parted for part in parts], Role.DOCUMENT)
        return Vectors(rows=rows, starts=starts)

    def fingerprint(self, dimension: int) -> str:  # noqa: ARG002 - the encoder knows its own
        """The encoder's."""
        return self.inner.fingerprint

    def tokens(self, texts: Sequence[str]) -> int | None:
        """By the model's tokenizer, where it is at hand."""
        return self.count(texts) if self.count else None

    def _rows(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        try:
            found = self.inner.encode(texts, role=role)
        except (EncoderFailedError, EvaluatorError) as error:
            raise ReplayError(f"{self.address!r}: {error}") from error
        return _unit(_matrix([each.values for each in found], len(texts), self.address), self.address)


def _endpoint(address: str, url: str, options: Mapping[str, str]) -> EvaluatorEncoder:
    from groundtrace_evaluators.encoders_endpoint import EndpointEncoder

    model, dimension = options.get("model"), options.get("dimension", "")
    if not model or not dimension.isdecimal() or not int(dimension):
        raise ReplayError(
            f"{address!r} lacks #model=NAME&dimension=N: which model, and how long its vectors are"
        )
    version = options.get("version")
    inner = EndpointEncoder(
        base_url=url,
        model=model,
        dimension=int(dimension),
        version=version,
        api_key=os.environ.get("OPENAI_API_KEY"),
        query_prefix=options.get("query_prefix", ""),
        document_prefix=options.get("document_prefix", ""),
    )
    return EvaluatorEncoder(inner, f"{model}@{version}" if version else model, address, None)


def _folder(address: str, folder: Path, options: Mapping[str, str]) -> EvaluatorEncoder:
    from groundtrace_evaluators.onnx_encoder import OnnxEncoder

    pooling = options.get("pooling", "mean")
    if pooling not in ("mean", "cls"):
        raise ReplayError(f"{address!r}: pooling must be mean or cls, got {pooling!r}")
    inner = OnnxEncoder(
        folder,
        pooling="cls" if pooling == "cls" else "mean",
        query_prefix=options.get("query_prefix", ""),
        document_prefix=options.get("document_prefix", ""),
    )
    name, version = folder.resolve().name, options.get("version")
    return EvaluatorEncoder(inner, f"{name}@{version}" if version else name, address, _tokens_of(folder))


def _tokens_of(folder: Path) -> Callable[[Sequence[str]], int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: sum(len(each.ids) for each in tokenizer.encode_batch([*texts]))
