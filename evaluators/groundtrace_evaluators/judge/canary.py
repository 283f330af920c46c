"""Made-up statements that no context can support: who accepts one has not read."""

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Final

from groundtrace_evaluators.tokens import Kind, tokenize

_STARTS: Final = ("Vel", "Osm", "Tar", "Quil", "Bren", "Dor", "Hask", "Mir", "Ned", "Zol", "Pell", "Gar")
_MIDDLES: Final = ("tra", "un", "ode", "ik", "ast", "ebo", "ula", "ent")
_ENDS: Final = ("ni", "vale", "dor", "mund", "sk", "len", "ria", "holm")
_EVENTS: Final = (
    "{subject} was banned in {place} in {year} after {count} complaints to the {body} council.",
    "The {body} museum in {place} has shown {count} paintings of {subject} since {year}.",
    "In {year} the people of {place} sold {count} shares in {subject} to the {body} family.",
    "{count} boxes about {subject} were lost in the {place} fire of {year}, says the {body} archive.",
)
_PASSAGES: Final = (
    "The {body} archive in {place} was founded in {year} and holds {count} copper bells.",
    "In {year} the {body} guild of {place} painted {count} lamp posts green.",
    "Every {place} ferry has carried {count} sacks of {body} flour a year since {year}.",
)
_COMMON: Final = 12


def false_claim(context: Iterable[str], random: Random) -> str:
    """A statement about the context's own subject that is made up from beginning to end.

    It shares a word with the context, so that a judge which goes by shared words falls for it.
    """
    counts = Counter(
        token.text
        for text in context
        for token in tokenize(text[:4_000])
        if token.kind in {Kind.WORD, Kind.NAME} and len(token.text) > 1
    )
    common = [word for word, _ in counts.most_common(_COMMON)] or ["it"]
    return random.choice(_EVENTS).format(subject=random.choice(common), **_facts(random))


def false_passage(random: Random) -> str:
    """A passage on nothing that anyone asks."""
    return random.choice(_PASSAGES).format(**_facts(random))


def _facts(random: Random) -> dict[str, object]:
    return {
        "place": _name(random),
        "body": _name(random),
        "year": random.randint(1702, 1898),
        "count": random.randint(1_203, 9_871),
    }


def _name(random: Random) -> str:
    return random.choice(_STARTS) + random.choice(_MIDDLES) + random.choice(_ENDS)
