"""Sentences that decline to answer, and sentences that say nothing that could be checked."""

import re
from collections.abc import Sequence

_SOURCE = r"(?:passages?|contexts?|documents?|texts?|articles?|sources?|excerpts?|information|materials?|content|data|results?)"
_NOT = r"(?:(?:do|does|did|is|are|was|were|can|could)(?: not|n['\u2019]?t)|can ?not|fails? to|never)"
_TELLS = (
    r"(?:(?:explicitly|directly|specifically|clearly|actually|fully) )?"
    r"(?:say|tell|mention|state|provide|contain|specify|include|give|answer|address|discuss|describe|cover|explain|"
    r"indicate|offer|list|define|enough|sufficient|clear|available|mentioned|stated|provided|specified|given|found)"
)
_DECLINES = re.compile(
    "|".join(
        (
            r"\bi(?: really| just| honestly)? ?(?:do not|don['\u2019]?t|do n['\u2019]t) know\b(?! (?:much|that|if|why|how|what))",
            r"\bi(?:['\u2019]m| am) (?:not sure|unsure|not certain|not able|afraid i (?:can|do))",
            r"\b(?:i(?:['\u2019]m| am)? |it is |we are |am |are )?(?:unable|not able|impossible|not possible) to "
            r"(?:answer|determine|find|provide|say|tell|give|locate|confirm)\b",
            r"\b(?:i|we|one|you) (?:cannot|can not|can['\u2019]?t|could not|couldn['\u2019]?t|am unable to) "
            r"(?:be )?(?:answer|determine|find|provide|say|tell|give|locate|confirm|help)",
            r"\b(?:question|query|this|it|that) (?:cannot|can not|can['\u2019]?t|could not) be (?:answered|determined|found|confirmed)",
            rf"\b{_SOURCE}\b[^.,;]{{0,60}}? {_NOT} {_TELLS}\b",
            rf"\b(?:not|n['\u2019]?t|never) (?:explicitly |directly |specifically |clearly )?(?:mentioned|stated|provided|specified|given|found|"
            rf"addressed|discussed|covered|included) (?:in|by) (?:the|these|this|any|your|my)\b[^.,;]{{0,40}}\b{_SOURCE}",
            rf"\b(?:there is|there['\u2019]s|there are|there was|contains?|provides?|has|have|with|found|see) "
            rf"(?:no|not enough|insufficient|not sufficient|not any|no clear|no direct) (?:[a-z]+ ){{0,2}}(?:{_SOURCE}|mention|answer|evidence|details?|reference)\b",
            r"^(?:no|insufficient|not enough) (?:relevant |specific |further )?(?:information|context|data|answer|evidence)\b",
            r"^(?:unanswerable|not answerable|n/a|unknown|no answer|not (?:found|available|given|specified|mentioned))\W*$",
            r"\bich wei(?:\u00df|ss) (?:es )?nicht\b|\bkeine (?:angaben?|informationen?)\b|\bkann ich nicht beantworten\b",
            r"\bje ne (?:sais|peux) pas\b|\baucune information\b",
            r"\bno (?:lo )?s\u00e9\b|\bno puedo responder\b|\bno (?:hay|contiene|proporciona|menciona) (?:suficiente )?(?:informaci\u00f3n|nada)",
            r"\bnon (?:lo )?so\b|\bn\u00e3o sei\b|\b(?:\u044f )?\u043d\u0435 \u0437\u043d\u0430\u044e\b|\u043d\u0435\u0442 \u0438\u043d\u0444\u043e\u0440\u043c\u0430\u0446\u0438\u0438",
            r"\u6211?\u4e0d\u77e5\u9053|\u65e0\u6cd5(?:\u56de\u7b54|\u786e\u5b9a|\u5f97\u77e5)|\u6ca1\u6709(?:\u63d0\u5230|\u63d0\u53ca|\u63d0\u4f9b|\u76f8\u5173)|\u672a(?:\u63d0\u5230|\u63d0\u53ca|\u63d0\u4f9b)",
            r"(?:\u308f\u304b\u308a|\u5206\u304b\u308a|\u77e5\u308a)\u307e\u305b\u3093|\u8a18\u8f09(?:\u306f|\u304c)?(?:\u3042\u308a\u307e\u305b\u3093|\u306a\u3044)|\u7b54\u3048\u3089\u308c\u307e\u305b\u3093",
            r"\uc54c \uc218 \uc5c6|\ubaa8\ub974\uaca0|\u0644\u0627 \u0623\u0639\u0631\u0641|\u0644\u0627 \u0623\u0639\u0644\u0645|\u0644\u0627 \u064a\u0645\u0643\u0646 \u0627\u0644\u0625\u062c\u0627\u0628\u0629|\u0e44\u0e21\u0e48\u0e17\u0e23\u0e32\u0e1a|\u0e44\u0e21\u0e48\u0e23\u0e39\u0e49",
        )
    ),
    re.IGNORECASE,
)
_FRAME = re.compile(
    r"^(?:sure|certainly|of course|absolutely|great question|thank you|thanks|sorry|i['\u2019]?m sorry|i apologi[sz]e|hello|hi|"
    r"yes|no|ok|okay|i hope this helps|let me know|please (?:provide|let|see|consult|feel|check|clarify))\b[^.:\n]{0,120}[.!,:]?$"
    r"|^(?:based on|according to|from|in|given|using|as per) (?:the|these|this|your|my)\b[^.\n]{0,100}:$"
    r"|^(?:here (?:is|are)|here['\u2019]s|the (?:following|answer|steps?|summary))\b[^.\n]{0,140}:$",
    re.IGNORECASE,
)


def declines(sentence: str) -> bool:
    """Whether the sentence says that it, or its sources, cannot answer.

    >>> declines("The passages do not mention the price."), declines("The price is not negotiable.")
    (True, False)
    """
    return _DECLINES.search(sentence[:2_000]) is not None


def frames(sentence: str) -> bool:
    """Whether the sentence only introduces, greets or offers help, and claims nothing.

    >>> frames("Based on the given passages, here are the steps:"), frames("Here it snows.")
    (True, False)
    """
    return _FRAME.search(sentence[:400]) is not None


def abstains(sentences: Sequence[str]) -> bool:
    """Whether an answer of these sentences declines and does nothing else.

    >>> abstains(["I'm sorry.", "I don't know."]), abstains(["I don't know.", "It may be 7."])
    (True, False)
    """
    declined = [sentence for sentence in sentences if declines(sentence)]
    return bool(declined) and all(declines(sentence) or frames(sentence) for sentence in sentences)
