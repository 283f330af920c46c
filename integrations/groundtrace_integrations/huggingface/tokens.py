"""How many tokens went through a model that runs here, by the shapes of its tensors."""

from collections.abc import Collection, Mapping
from typing import Any

from groundtrace.attributes import Attributes, token_attributes
from groundtrace.vectors import at_hand


def encoded_tokens(inputs: Mapping[str, Any]) -> int | None:
    """Return the tokens of a tokenizer's output, filling aside.

    ``inputs`` holds tensors of shape (texts, tokens). None for several texts on a graphics card,
    which to read would stall it.
    """
    ids = inputs.get("input_ids")
    if ids is None:
        return None
    texts, length = (int(size) for size in ids.shape)
    if texts == 1:
        return length
    mask = inputs.get("attention_mask")
    if mask is None:
        return texts * length
    return int(mask.sum()) if at_hand(mask) else None


def generated_tokens(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any], ends: Collection[int]
) -> Attributes:
    """Return the token counts of one forward pass of a text-generation pipeline.

    ``outputs["generated_sequence"]`` has the shape (prompts, texts a prompt, tokens), prompts
    included; ``ends`` are the tokens that end a text and fill it up.
    """
    sequences, ids = outputs["generated_sequence"], inputs.get("input_ids")
    prompt_length = 0 if ids is None else int(ids.shape[1])
    return token_attributes(
        prompt=encoded_tokens(inputs), completion=_completion_tokens(sequences, prompt_length, ends)
    )


def _completion_tokens(sequences: Any, prompt_length: int, ends: Collection[int]) -> int | None:
    if not at_hand(sequences):
        prompts, texts, length = (int(size) for size in sequences.shape)
        return length - prompt_length if prompts * texts == 1 else None
    written = [text[prompt_length:] for prompt in sequences.tolist() for text in prompt]
    return sum(_length(text, ends) for text in written)


def _length(tokens: list[int], ends: Collection[int]) -> int:
    """Return how many tokens were written: the first of those that end the text is the last.

    >>> _length([5, 6, 0, 0], {0})
    3
    """
    length = len(tokens)
    while length and tokens[length - 1] in ends:
        length -= 1
    return min(length + 1, len(tokens))
