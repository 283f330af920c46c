"""What servers of Hugging Face's APIs answer: text-generation-inference and text-embeddings-inference."""

from collections.abc import Mapping
from typing import Any

TOKENS = ["Bern", " it", " is", "."]
GENERATED = "".join(TOKENS)
PROMPT_TOKENS = 6


def hub_body(body: Mapping[str, Any]) -> Any:
    """Answer a request that has ``inputs``."""
    inputs = body["inputs"]
    compared = inputs if isinstance(inputs, Mapping) else body  # as the client did it before 0.29
    if "sentences" in compared:  # the longer, the more alike
        return [len(text) / 100 for text in compared["sentences"]]
    parameters = body.get("parameters") or {}
    if "normalize" in {**body, **parameters} or isinstance(inputs, list):
        return [[3.0, 4.0, 0.0]] * (len(inputs) if isinstance(inputs, list) else 1)
    if not parameters.get("details"):
        return [{"generated_text": GENERATED}]
    return [
        {"generated_text": GENERATED, "details": {**_details(), "prefill": _prefill(), "tokens": _tokens()}}
    ]


def _details() -> dict[str, Any]:
    return {"finish_reason": "eos_token", "generated_tokens": len(TOKENS) + 1, "seed": None}


def _prefill() -> list[dict[str, Any]]:
    return [{"id": number, "text": "w", "logprob": None} for number in range(PROMPT_TOKENS)]


def _tokens() -> list[dict[str, Any]]:
    texts = [*TOKENS, "</s>"]
    return [
        {"id": number, "text": text, "logprob": -0.1, "special": text == "</s>"}
        for number, text in enumerate(texts)
    ]


def generation_events() -> list[Mapping[str, Any]]:
    """A text, token by token; the last event has the whole of it."""
    events: list[dict[str, Any]] = [
        {"index": place, "token": token, "generated_text": None, "details": None}
        for place, token in enumerate(_tokens())
    ]
    events[-1] |= {"generated_text": GENERATED, "details": {**_details(), "input_length": PROMPT_TOKENS}}
    return list(events)
