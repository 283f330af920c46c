"""A cross-encoder from a model folder of the user's."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from groundtrace.errors import ConfigError
from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_evaluators.encoders import EncoderFailedError
from groundtrace_evaluators.onnx_model import OnnxModel
from groundtrace_evaluators.score import Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_ROOM: Final = 16
"""A query that leaves fewer tokens of the window to the passage is too long to be judged."""


class OnnxCrossEncoder:
    """Relevance of a passage to a query from a cross-encoder that onnxruntime runs, such as ms-marco-MiniLM.

    ``folder`` holds ``model.onnx`` and ``tokenizer.json``. A model with one output gives its logistic
    function, one with two classes the probability of the second. A passage longer than the window is read
    in overlapping parts and has the best part's score. Scores are a ranking, not probabilities.

    Raises ConfigError and MissingExtraError as ``OnnxModel``, and ConfigError for a model that gives
    anything else than one or two numbers a pair.
    """

    is_free = True

    def __init__(self, folder: Path | str, *, max_tokens: int | None = None, threads: int = 1) -> None:
        self._model = OnnxModel(folder, max_tokens=max_tokens, threads=threads)
        self._output, shape = self._model.outputs[0]
        if len(shape) != 2 or shape[1] not in (1, 2):
            raise ConfigError(
                f"{self._model.folder}/model.onnx gives {self._output} of shape {shape}; "
                "a cross-encoder gives one or two numbers a pair"
            )
        self.fingerprint = embedding_fingerprint(
            model=self._model.folder.resolve().name, version=f"{self._model.digest}:{self._model.max_tokens}"
        )

    def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        """The score of each passage. Raises EncoderFailedError (truncated) when the query is too long."""
        tokenizer = self._model.tokenizer
        taken = len(tokenizer.encode(query, "").ids)
        room = self._model.max_tokens - taken
        if room < MIN_ROOM:
            raise EncoderFailedError(
                Status.TRUNCATED,
                f"the query takes {taken} of the model's {self._model.max_tokens} tokens and leaves no room",
            )
        return [
            max(self._score(query, part) for part in self._model.parts(passage, room)) for passage in passages
        ]

    def _score(self, query: str, passage: str) -> float:
        encoding = self._model.tokenizer.encode(query, passage)
        if len(encoding.ids) > self._model.max_tokens:
            raise EncoderFailedError(
                Status.TRUNCATED,
                f"a part of {len(encoding.ids)} tokens does not fit into {self._model.max_tokens}",
            )
        return probability(self._model.run(encoding, self._output))


def probability(logits: "NDArray[np.float32]") -> float:
    """The logistic function of one logit, or the second of two classes."""
    margin = float(logits[0]) if len(logits) == 1 else float(logits[1]) - float(logits[0])
    if margin < 0.0:  # e^-x overflows for very negative x
        return math.exp(margin) / (1.0 + math.exp(margin))
    return 1.0 / (1.0 + math.exp(-margin))
