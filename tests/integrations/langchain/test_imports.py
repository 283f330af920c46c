"""Instrumented first, imported later, whichever module comes first."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    from groundtrace_integrations.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(skip_dep_check=True)
    import langchain_core.{module}
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnableLambda
    assert hasattr(BaseRetriever.invoke, "__wrapped__")
    assert hasattr(FakeListChatModel.stream, "__wrapped__")
    RunnableLambda(str).invoke(1)  # imports the last of it
    from langchain_core.callbacks import CallbackManager
    assert hasattr(CallbackManager.on_chain_start, "__wrapped__")

    LangChainInstrumentor().uninstrument()
    import sys
    assert not hasattr(BaseRetriever.invoke, "__wrapped__")
    assert not hasattr(FakeListChatModel.stream, "__wrapped__")
    assert not hasattr(CallbackManager.on_chain_start, "__wrapped__")
    for name, module in list(sys.modules.items()):
        if name.startswith("langchain_core"):
            for key, value in vars(module).items():
                assert "groundtrace" not in str(getattr(value, "__globals__", {{}}).get("__name__")), (name, key)
"""


@pytest.mark.parametrize(
    "module",
    [
        "embeddings",
        "runnables.config",
        *(
            pytest.param(module, marks=pytest.mark.verify)
            for module in ("documents.compressor", "retrievers", "tracers.context", "vectorstores.base")
        ),
    ],
)
def test_whatever_is_imported_first_all_is_patched_and_restored(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM).format(module=module)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
