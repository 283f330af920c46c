"""Model folders small enough to be made by a test, run by the real onnxruntime and tokenizers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "query",
    ":",
    "tunnel",
    "long",
    "opened",
    "cat",
    "sleeps",
    "bern",
    "aare",
)
SIZE = 4
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def make_encoder(folder: Path, *, seed: int = 0, max_tokens: int = 16, pooled: bool = False) -> Path:
    """An encoder whose tokens are rows of a table, plus a row for their place in the pair."""
    output = "sentence_embedding" if pooled else "last_hidden_state"
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Gather", ["places", "token_type_ids"], ["types"]),
        helper.make_node("Add", ["words", "types"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["hidden"] if pooled else [output]),
    ]
    shape: list[str | int] = ["batch", "sequence", SIZE]
    if pooled:
        nodes.append(helper.make_node("ReduceMean", ["hidden", "axis"], [output], keepdims=0))
        shape = ["batch", SIZE]
    return _save(folder, nodes, output, shape, seed=seed, max_tokens=max_tokens)


def make_cross_encoder(folder: Path, *, classes: int = 1, seed: int = 0, max_tokens: int = 24) -> Path:
    """A cross-encoder: the mean of the tokens' rows times a matrix."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Gather", ["places", "token_type_ids"], ["types"]),
        helper.make_node("Mul", ["words", "types"], ["hidden"]),
        helper.make_node("ReduceMean", ["hidden", "axis"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", f"head{classes}"], ["logits"]),
    ]
    return _save(folder, nodes, "logits", ["batch", classes], seed=seed, max_tokens=max_tokens)


def _save(
    folder: Path,
    nodes: Sequence[onnx.NodeProto],
    output: str,
    shape: list[str | int],
    *,
    seed: int,
    max_tokens: int,
) -> Path:
    random = np.random.default_rng(seed)
    used = {name for node in nodes for name in node.input}
    constants: dict[str, NDArray[Any]] = {
        "table": random.normal(size=(len(WORDS), SIZE)).astype(np.float32),
        "places": random.normal(size=(2, SIZE)).astype(np.float32),
        "axis": np.array([1], dtype=np.int64),
        "head1": 3.0 * random.normal(size=(SIZE, 1)).astype(np.float32),
        "head2": 3.0 * random.normal(size=(SIZE, 2)).astype(np.float32),
        "head3": 3.0 * random.normal(size=(SIZE, 3)).astype(np.float32),
    }
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in INPUTS],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "model.onnx"))
    _tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": max_tokens}))
    return folder


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    # As saved by sentence-transformers: both would change what is read without a word.
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=9)
    return tokenizer
