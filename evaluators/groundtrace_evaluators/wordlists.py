"""Closed classes of English words that the lexical evaluators treat apart."""

FUNCTION_WORDS = frozenset(
    """
    a about above across after again against all along also although am among an and any are around as at away
    be because been before being below beneath beside between beyond both but by can could did do does doing
    done down during each either else etc even ever every few for from further get gets got had has have having
    he hence her here hers herself him himself his how however i if in inside into is it its itself just
    least less let like many may me might mine more moreover most much must my myself near neither nor now of off
    often on once only onto or other others otherwise ought our ours ourselves out outside over own per perhaps
    rather same shall she should since so some such than that the their theirs them themselves then
    there thereby therefore these they this those though through throughout thus to together too toward towards
    under until unto up upon us very via was we were what whatever when whenever where whereas
    wherever whether which whichever while who whoever whole whom whose why will with within would yes yet
    you your yours yourself yourselves
    i'm i've i'll i'd you're you've you'll you'd he's she's it's we're we've we'll they're they've they'll
    that's there's here's what's who's let's
    no not none nobody nothing never nowhere without cannot can't don't doesn't didn't isn't aren't wasn't
    weren't hasn't haven't hadn't won't wouldn't shouldn't couldn't mustn't
    """.split()
)
"""Words that carry grammar, not content; negations are among them and are looked at separately."""

NEGATIONS = frozenset(
    """
    no not none nobody nothing never nowhere neither nor without cannot can't don't doesn't didn't isn't aren't
    wasn't weren't hasn't haven't hadn't won't wouldn't shouldn't couldn't mustn't
    """.split()
)

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = ("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth").split()

NUMBER_WORDS: dict[str, str] = (
    {word: str(value) for value, word in enumerate(_SMALL)}
    | {word: str(10 * value) for value, word in enumerate(_TENS, start=2)}
    | {word: str(value) for value, word in enumerate(_ORDINALS, start=1)}
    | {"hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000"}
    | {"twice": "2", "dozen": "12", "once": "1"}
)
"""English number words and the digits they stand for; ordinals fold onto their number."""
