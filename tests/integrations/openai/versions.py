"""What the installed version of the client can do: the oldest that is supported knows less."""

import inspect

import openai
import pytest
from openai.resources.chat import Completions

needs_responses = pytest.mark.skipif(
    not hasattr(openai.OpenAI(api_key="sk"), "responses"), reason="this version has no responses API"
)
needs_stream_helper = pytest.mark.skipif(
    not hasattr(Completions, "stream"), reason="this version has no chat.completions.stream()"
)
needs_parse = pytest.mark.skipif(
    not inspect.isroutine(getattr(Completions, "parse", None)),
    reason="this version has no chat.completions.parse()",
)
