"""An encoder from a model folder of the user's."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from groundtrace.errors import ConfigError
from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_evaluators.encoders import Embedding, EncoderFailedError, Role, embeddings, joined_prefixes
from groundtrace_evaluators.onnx_model import OnnxModel
from groundtrace_evaluators.score import Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pooling = Literal["mean", "cls"]

_POOLED_DIMENSIONS: Final = 2
_MIN_ROOM: Final = 8


class OnnxEncoder:
    """Vectors from a bi-encoder that onnxruntime runs, such as MiniLM, bge or e5.

    ``folder`` holds ``model.onnx`` and ``tokenizer.json``. Tokens become one vector by their mean or by the
    first one (``cls``), as the model's card says; an output that is pooled already is taken as it is.
    ``normalized`` makes its length 1. The prefixes are put before each text.

    The fingerprint covers the files' content and all of these, so a changed model is another space.
    Raises ConfigError and MissingExtraError as ``OnnxModel``.
    """

    is_free = True

    def __init__(
        self,
        folder: Path | str,
        *,
        pooling: Pooling = "mean",
        normalized: bool = True,
        query_prefix: str = "",
        document_prefix: str = "",
        max_tokens: int | None = None,
        threads: int = 1,
    ) -> None:
        self._model = OnnxModel(folder, max_tokens=max_tokens, threads=threads)
        self._output, self._dimension, pooled = _choose(self._model)
        self._pooling: Pooling | None = None if pooled else pooling
        self._normalized = normalized
        self._prefixes = {Role.QUERY: query_prefix, Role.DOCUMENT: document_prefix}
        self.fingerprint = embedding_fingerprint(
            model=self._model.folder.resolve().name,
            version=f"{self._model.digest}:{self._pooling or 'pooled'}:{self._model.max_tokens}",
            dimension=self._dimension,
            normalized=normalized,
            prefix=joined_prefixes(query_prefix, document_prefix),
        )

    def encode(self, texts: Sequence[str], *, role: Role) -> list[Embedding]:
        """One vector a text. Raises EncoderFailedError (truncated) for one longer than the window."""
        vectors = [self._vector(self._prefixes[role] + text).tolist() for text in texts]
        return embeddings(vectors, self.fingerprint, count=len(texts), dimension=self._dimension)

    def parts(self, text: str, *, role: Role) -> list[str]:
        """The text, or parts of it that fit into the window together with the prefix."""
        taken = len(self._model.tokenizer.encode(self._prefixes[role]).ids)
        return self._model.parts(text, max(_MIN_ROOM, self._model.max_tokens - taken))

    def _vector(self, text: str) -> "NDArray[np.float32]":
        import numpy as np

        encoding = self._model.tokenizer.encode(text)
        if len(encoding.ids) > self._model.max_tokens:
            raise EncoderFailedError(
                Status.TRUNCATED,
                f"a text of {len(encoding.ids)} tokens does not fit into {self._model.max_tokens}; "
                "encode its parts()",
            )
        found = self._model.run(encoding, self._output)
        if self._pooling == "cls":
            found = found[0]
        elif self._pooling == "mean":
            found = found.mean(axis=0)  # of one text alone: there is no padding to leave out
        if self._normalized:
            found = found / max(float(np.linalg.norm(found)), 1e-12)
        return found


def _choose(model: OnnxModel) -> tuple[str, int | None, bool]:
    """The output to read, its size where the model states it, and whether it is one vector a text already."""
    outputs = model.outputs
    for name, shape in outputs:
        if len(shape) == _POOLED_DIMENSIONS and name in {"sentence_embedding", "embeddings", "embedding"}:
            return name, _size(shape), True
    for name, shape in outputs:
        if len(shape) == _POOLED_DIMENSIONS + 1:
            return name, _size(shape), False
    name, shape = outputs[0]
    if len(shape) == _POOLED_DIMENSIONS:
        return name, _size(shape), True
    raise ConfigError(f"{model.folder}/model.onnx gives no vectors: {outputs}; is it an encoder?")


def _size(shape: Sequence[object]) -> int | None:
    return shape[-1] if isinstance(shape[-1], int) else None
