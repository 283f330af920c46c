"""A model folder of the user's: ``model.onnx`` and ``tokenizer.json``, run by onnxruntime on the CPU."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from groundtrace.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

EXTRA: Final = "evaluators-onnx"
DEFAULT_TOKENS: Final = 512
"""The window when neither tokenizer_config.json nor config.json states one."""
OVERLAP: Final = 8
"""One part of a text opens with the last eighth of the one before."""
SLACK_TOKENS: Final = 4
"""Room for tokens that a part may gain when it is split elsewhere than the whole."""
_MOST_TOKENS: Final = 100_000  # tokenizers without a window state astronomically many

_FED: Final = frozenset({"input_ids", "attention_mask", "token_type_ids"})


class OnnxModel:
    """One loaded model; its calls may come from several threads.

    Texts are run one by one, without padding: models quantised to int8 choose their scale from the whole
    batch, so a text's numbers would depend on its neighbours.

    Raises ConfigError when the folder lacks a file or the model wants inputs that a text does not give,
    and MissingExtraError without onnxruntime, tokenizers or numpy.
    """

    def __init__(self, folder: Path | str, *, max_tokens: int | None = None, threads: int = 1) -> None:
        self.folder = Path(folder)
        self._session = _session(_file(self.folder, "model.onnx"), threads)
        self.tokenizer = _tokenizer(_file(self.folder, "tokenizer.json"))
        self.max_tokens = max_tokens or _stated_tokens(self.folder)
        self._inputs = {part.name: part.type for part in self._session.get_inputs()}
        strange = sorted(set(self._inputs) - _FED)
        if strange:
            raise ConfigError(
                f"{self.folder}/model.onnx wants {', '.join(strange)}; a text gives {sorted(_FED)}"
            )

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits over the model and its tokenizer."""
        found = hashlib.sha256()
        for name in ("model.onnx", "tokenizer.json"):
            with (self.folder / name).open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        return found.hexdigest()[:16]

    @property
    def outputs(self) -> list[tuple[str, list[Any]]]:
        """Name and shape of each output."""
        return [(part.name, list(part.shape)) for part in self._session.get_outputs()]

    def run(self, encoding: "Encoding", output: str) -> "NDArray[np.float32]":
        """One output for one text or pair, the batch of one taken off."""
        import numpy as np

        given = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
        }
        feed = {
            name: np.array([given[name]], dtype=np.int32 if "int32" in kind else np.int64)
            for name, kind in self._inputs.items()
        }
        (found,) = self._session.run([output], feed)
        first: NDArray[np.float32] = np.asarray(found, dtype=np.float32)[0]
        return first

    def parts(self, text: str, room: int) -> list[str]:
        """The text, or overlapping parts of it of at most ``room`` tokens without special ones."""
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        if len(encoding.ids) <= room:
            return [text]
        size = max(1, room - SLACK_TOKENS)
        step = max(1, size - size // OVERLAP)
        offsets: Sequence[tuple[int, int]] = encoding.offsets
        starts = range(0, max(1, len(offsets) - size + step), step)
        return [text[offsets[start][0] : offsets[min(start + size, len(offsets)) - 1][1]] for start in starts]


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise ConfigError(f"{folder} holds no {name}; a model folder has model.onnx and tokenizer.json")
    return path


def _session(path: Path, threads: int) -> "onnxruntime.InferenceSession":
    try:
        import numpy  # noqa: F401, ICN001 - its absence should name the extra, too
        import onnxruntime
    except ImportError as exc:
        raise MissingExtraError(library=exc.name or "onnxruntime", extra=EXTRA) from exc
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime's errors have no common base
        raise ConfigError(f"{path} cannot be loaded: {exc}") from exc


def _tokenizer(path: Path) -> "Tokenizer":
    try:
        from tokenizers import Tokenizer
    except ImportError as exc:
        raise MissingExtraError(library="tokenizers", extra=EXTRA) from exc
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as exc:  # tokenizers raises plain Exception
        raise ConfigError(f"{path} cannot be loaded: {exc}") from exc
    tokenizer.no_truncation()  # a saved setting would cut texts without a word
    tokenizer.no_padding()
    return tokenizer


def _stated_tokens(folder: Path) -> int:
    for name, key in (
        ("tokenizer_config.json", "model_max_length"),
        ("config.json", "max_position_embeddings"),
    ):
        path = folder / name
        stated = json.loads(path.read_text(encoding="utf-8")).get(key) if path.is_file() else None
        if isinstance(stated, int | float) and 1 < stated < _MOST_TOKENS:
            return int(stated)
    return DEFAULT_TOKENS
