"""What the store examples share: a handbook's passages and an encoder that needs no download."""

import math
from collections import Counter

import groundtrace

HANDBOOK = {
    "warranty": "The warranty of a kettle is two years.",
    "descale": "Descale the kettle every month with vinegar.",
    "returns": "Returns are free within thirty days.",
    "power": "The kettle draws 2200 watts.",
}
DIMENSION = 256


def unit_vector(text: str) -> list[float]:
    """Return the counts of a text's hashed character trigrams, as a vector of length 1."""
    padded = f"  {text.lower()} "
    vector = [0.0] * DIMENSION
    for trigram, count in Counter(padded[start : start + 3] for start in range(len(padded) - 2)).items():
        vector[sum(ord(char) * 31**place for place, char in enumerate(trigram)) % DIMENSION] += count
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


@groundtrace.encoder(model="trigrams", version="1")
def encode(question: str) -> list[float]:
    """Return a question's vector."""
    return unit_vector(question)
