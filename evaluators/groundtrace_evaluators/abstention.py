"""Sentences that decline to answer, and sentences that say nothing that could be checked."""

import re
from collections.abc import Sequence

_SOURCE = (
    r"(?:passages?|contexts?|documents?|texts?|articles?|sources?|excerpts?|information|materials?|content"
    r"|data|results?)"
)
_CANNOT = r"(?:cannot|can not|can['\u2019]?t|ca n['\u2019]t|could not|couldn['\u2019]?t)"
_NOT = rf"(?:(?:do|does|did|is|are|was|were)(?: not|n['\u2019]?t| n['\u2019]t)|{_CANNOT}|fails? to|never)"
_FIND = r"(?:answer|determine|find|provide|say|tell|give|locate|confirm|help)"
_TELL = (
    r"(?:say|tell|mention|state|provide|contain|specify|include|give|answer|address|discuss|describe|cover"
    r"|explain|indicate|offer|list|define|enough|sufficient|clear|available|mentioned|stated|provided"
    r"|specified|given|found)"
)
_HOW = r"(?:(?:explicitly|directly|specifically|clearly|actually|fully) )?"
_TOLD = r"(?:mentioned|stated|provided|specified|given|found|addressed|discussed|covered|included)"
_NONE = r"(?:no|not enough|insufficient|not sufficient|not any|no clear|no direct)"
_HAS = r"(?:there is|there['\u2019]s|there are|there was|contains?|provides?|has|have|with|found|see)"

_HERE = rf"(?:in|by) (?:the|these|this|any|your|my)\b[^.,;]{{0,40}}\b{_SOURCE}"
_SOUGHT = rf"(?:{_SOURCE}|mention|answer|evidence|details?|reference)"

_ENGLISH = (
    r"\bi(?: really| just| honestly)? (?:do not|don['\u2019]?t|do n['\u2019]t) know\b(?! (?:much|that|if|why|how))",
    r"\bi(?: am|['\u2019]m) (?:not sure|unsure|not certain|afraid i (?:can|do))",
    rf"\b(?:unable|not able|impossible|not possible) to {_FIND}\b",
    rf"\b(?:i|we|one|you) {_CANNOT} (?:be )?{_FIND}\b",
    rf"\b(?:question|query|this|it|that) {_CANNOT} be (?:answered|determined|found|confirmed)",
    rf"\b{_SOURCE}\b[^.,;]{{0,60}}? {_NOT} {_HOW}{_TELL}\b",
    rf"\b(?:not|n['\u2019]?t|never) {_HOW}{_TOLD} {_HERE}",
    rf"\b{_HAS} {_NONE} (?:[a-z]+ ){{0,2}}{_SOUGHT}\b",
    r"^(?:no|insufficient|not enough) (?:relevant |specific |further )?(?:information|context|data|answer|evidence)\b",
    r"^(?:unanswerable|not answerable|n/a|unknown|no answer)\W*$",
    r"^not (?:found|available|given|specified|mentioned)\W*$",
)
# German, French, Spanish, Italian, Portuguese, Russian, Chinese, Japanese, Korean, Arabic, Thai.
_OTHER_LANGUAGES = (
    r"\bich wei(?:ß|ss) (?:es )?nicht\b|\bkeine (?:angaben?|informationen?)\b|\bnicht beantworten\b",
    r"\bje ne (?:sais|peux) pas\b|\baucune information\b",
    r"\bno lo sé\b|\bno puedo responder\b|\bno (?:hay|contiene|proporciona) (?:suficiente )?información",
    r"\bnon lo so\b|\bnão sei\b",
    "не знаю|нет информации",
    "不知道|无法(?:回答|确定|得知)|(?:没有|未)(?:提到|提及|提供)",
    "(?:わかり|分かり|知り)ません|記載(?:は|が)?ありません|答えられません",
    "알 수 없|모르겠|لا أعرف|لا أعلم|لا يمكن الإجابة|ไม่ทราบ|ไม่รู้",
)
_DECLINES = re.compile("|".join(_ENGLISH + _OTHER_LANGUAGES), re.IGNORECASE)
# Every pattern in Latin letters needs one of these; looking for them first saves most of the time.
_DECLINE_CUES = (
    *(
        "no",
        "n't",
        "unable",
        "unsure",
        "impossible",
        "never",
        "fail",
        "insufficient",
        "afraid",
        "n/a",
        "unanswerable",
    ),
    *("can't", "cant", "dont", "doesnt", "nicht", "keine", " ne ", "aucune"),
)
_GOES_ON = re.compile(r"\b(?:but|however|though|although|still|only that)\b(?:\W+\w+){3}", re.IGNORECASE)

_POLITE = (
    r"(?:oh|well|yes|no|yeah|yep|nope|sure|certainly|of course|absolutely|ok|okay|hello|hi|hey|sorry|thanks|thank you"
    r"|great question|good question|you['\u2019]?re welcome|i['\u2019]?m sorry|i apologi[sz]e)"
)
_OFFER = r"(?:i can|i will|i['\u2019]ll|i['\u2019]d be|i would be|let me)"
_ANSWER = r"(?:answers?|instructions?|steps?|summary|response)"
_OPENS_FRAME = re.compile(
    rf"(?:{_POLITE}\W*)+$"
    rf"|(?:{_POLITE}\W+)*{_OFFER}\b[^.\n]{{0,40}}\bhelp\b[^.\n]{{0,80}}\.?$"
    r"|(?:(?:therefore|thus|so|hence),? )?i (?:can|could|am able to|will|would)(?: \w+ly)? answer (?:the|this|your)"
    r" question\b[^,;]{0,60}$"
    r"|(?:i hope (?:this|that)|let me know|please (?:provide|let|feel free)|feel free)\b[^\n]{0,120}$",
    re.IGNORECASE,
)
_SENDS_ELSEWHERE = re.compile(
    r"\bconsult(?:ing)? (?:with )?(?:an?|your|the|other|further|additional|more)\b"
    rf"|\b{_ANSWER} (?:is|are|was|were) (?:only |solely )?(?:limited|based on)\b.*\b{_SOURCE}"
    r"|\bnot be (?:comprehensive|exhaustive|complete)\b"
    rf"|\b(?:further|additional|more) (?:clarification|research|{_SOURCE}) (?:may|might|would|could|is|are)\b",
    re.IGNORECASE,
)
_ELSEWHERE_CUES = ("consult", "limited", "based on", "not be ", "further ", "additional ", "more ")
_MAX_FRAME_CHARS = 300


def declines(sentence: str) -> bool:
    """Whether the sentence says that it, or its sources, cannot answer, and claims nothing after that.

    >>> declines("The passages do not mention the price."), declines("The price is not negotiable.")
    (True, False)
    >>> declines("I'm not sure, but it opened in May 1990.")
    False
    """
    if sentence.isascii() and not _has_any(sentence, _DECLINE_CUES):
        return False
    found = _DECLINES.search(sentence[:2_000])
    return found is not None and _GOES_ON.search(sentence, found.end(), 2_000) is None


def frames(sentence: str) -> bool:
    """Whether the sentence only introduces, greets, offers help or sends elsewhere, and claims nothing.

    A line that ends in a colon introduces what follows it.

    >>> frames("Based on the given passages, here are the steps:"), frames("Yes, it snows here.")
    (True, False)
    """
    if len(sentence) > _MAX_FRAME_CHARS:
        return False
    if sentence.rstrip("* _")[-1:] in {":", "\uff1a"} or _OPENS_FRAME.match(sentence):
        return True
    return _has_any(sentence, _ELSEWHERE_CUES) and _SENDS_ELSEWHERE.search(sentence) is not None


def abstains(sentences: Sequence[str]) -> bool:
    """Whether an answer of these sentences declines and does nothing else.

    >>> abstains(["I'm sorry.", "I don't know."]), abstains(["I don't know.", "It may be 7."])
    (True, False)
    """
    declined = [sentence for sentence in sentences if declines(sentence)]
    return bool(declined) and all(declines(sentence) or frames(sentence) for sentence in sentences)


def _has_any(sentence: str, cues: Sequence[str]) -> bool:
    lowered = sentence.lower()
    return any(cue in lowered for cue in cues)
