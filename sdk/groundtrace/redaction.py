"""Patterns of what should not leave the process: addresses, numbers and keys that name a person or open a door.

Each pattern is bound on both sides and checked where a checksum exists, so that order numbers,
dates and versions stay. No pattern can run away: each looks at a bounded stretch of text.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Final

_EMAIL: Final = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w](?:[\w-]{0,61}[\w])?\.){1,8}[^\W\d_]{2,24}(?![\w-])"
)
_IBAN: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"
    r"|[A-Za-z]{2}\d{2}[A-Za-z0-9]{11,30})(?![A-Za-z0-9])"
)
_GROUPED_DIGITS: Final = re.compile(r"(?<![\w.,])\d(?:[ -]?\d){12,99}(?!\w)")
_IPV4: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)"
    r"(?:[0-9A-Fa-f:]{1,29}:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f:]{2,39})(?![\w:]|\.\d)"
)
# With a country code, or in groups as telephone numbers are written; plain digits are no telephone.
_PHONE: Final = re.compile(
    r"(?<![\w.+/-])(?<!\d )(?:(?:\+|00)[1-9]\d{0,2}[ ./-]?(?:\(0?\d{0,4}\)[ ./-]?)?\d(?:[ ./-]?\d){5,12}"
    r"|\(0?\d{2,5}\)[ ./-]?\d{3,4}[ ./-]?\d{2,4}(?:[ ./-]?\d{2,4})?"
    r"|0[1-9]\d{0,3}[ /-]\d{3,4}(?:[ /-]?\d{2,4}){1,3}"
    r"|[2-9]\d{2}[-.][2-9]\d{2}[-.]\d{4})(?![\w/-]|[.]\d)"
)
_KEYS: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"sk-[A-Za-z0-9_-]{16,200}"  # OpenAI, Anthropic, OpenRouter
    r"|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,200}"  # Stripe
    r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}"
    r"|glpat-[A-Za-z0-9_-]{16,100}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|AIza[A-Za-z0-9_-]{35}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,250}"
    r"|hf_[A-Za-z0-9]{20,100}"
    r"|npm_[A-Za-z0-9]{30,100}|pypi-[A-Za-z0-9_-]{30,250}"
    r"|eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{4,8000}\.[A-Za-z0-9_-]{10,4000}"  # a JSON web token
    r")(?![A-Za-z0-9_])"
)
_BEARER: Final = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/-]{16,4000}={0,2}")
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN ([A-Z ]{0,20}PRIVATE KEY)-----[A-Za-z0-9+/=\s:,-]{1,16384}?-----END \1-----"
)
_DIGITS: Final = re.compile(r"\d+")
_CARD_DIGITS: Final = range(13, 20)
_SHORTEST_GROUP: Final = 3
_SHORTEST_IBAN: Final = 15
# ``::`` and ``::1f`` name nobody: they are this machine, or a slice in program text.
_FIRST_TELLING: Final = 1 << 16


def redact_emails(text: str) -> str:
    """Replace e-mail addresses by ``[email]``.

    >>> redact_emails("ask ada@example.org, please")
    'ask [email], please'
    """
    return _EMAIL.sub("[email]", text) if "@" in text else text


def redact_ibans(text: str) -> str:
    """Replace account numbers whose checksum is right by ``[iban]``. Source: ISO 13616.

    >>> redact_ibans("pay CH93 0076 2011 6238 5295 7 now")
    'pay [iban] now'
    """
    kept, place = [], 0
    while found := _IBAN.search(text, place):
        end = _iban_end(text, found)
        # What only looks like one may reach into one that follows.
        kept.append(text[place : found.start()] + "[iban]" if end else text[place : found.start() + 1])
        place = end or found.start() + 1
    return "".join([*kept, text[place:]]) if kept else text


def _iban_end(text: str, found: re.Match[str]) -> int | None:
    """Return where the longest account number in the match ends: capitals may follow it."""
    for end in range(found.end(), found.start() + _SHORTEST_IBAN - 1, -1):
        if (end == found.end() or text[end] == " ") and _is_iban(text[found.start() : end].replace(" ", "")):
            return end
    return None


def _is_iban(number: str) -> bool:
    if len(number) < _SHORTEST_IBAN:
        return False
    digits = "".join(str(int(char, 36)) for char in number[4:] + number[:4])
    return int(digits) % 97 == 1


def redact_cards(text: str) -> str:
    """Replace payment card numbers by ``[card]``: 13 to 19 digits with a right check digit.

    Source: ISO/IEC 7812-1, annex B (Luhn's formula).

    >>> redact_cards("card 4111 1111 1111 1111")
    'card [card]'
    """
    return _GROUPED_DIGITS.sub(_without_cards, text)


def _without_cards(match: re.Match[str]) -> str:
    # Other numbers may stand before and after it: a card's number is made of whole groups.
    found = match.group()
    groups = [group.span() for group in _DIGITS.finditer(found)]
    for first, (start, _) in enumerate(groups):
        for end in reversed(_card_ends(groups[first:])):
            if _is_card(found[start:end]):
                return found[:start] + "[card]" + redact_cards(found[end:])
    return found


def _card_ends(groups: Sequence[tuple[int, int]]) -> list[int]:
    """Return where a card's number that begins with the first group may end: its last group may be short."""
    ends, digits = [], 0
    for start, end in groups:
        digits += end - start
        if digits in _CARD_DIGITS:
            ends.append(end)
        if end - start < _SHORTEST_GROUP or digits >= _CARD_DIGITS.stop:
            break
    return ends


def _is_card(text: str) -> bool:
    digits = [int(char) for char in text if char.isdecimal()]
    if len(digits) not in _CARD_DIGITS or len(set(digits)) == 1:
        return False
    doubled = [2 * digit if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


def redact_ips(text: str) -> str:
    """Replace IP addresses, of both versions, by ``[ip]``.

    >>> redact_ips("from 192.0.2.7 and 2001:db8::1")
    'from [ip] and [ip]'
    """
    if ":" in text:
        text = _IPV6.sub(_ip, text)
    return _IPV4.sub(_ip, text) if "." in text else text


def _ip(match: re.Match[str]) -> str:
    found = match.group()
    end = len(found)
    if found.endswith(":") and not found.endswith("::"):
        end -= 1  # a colon of the sentence
    try:
        address = ipaddress.ip_address(found[:end])
    except ValueError:
        return found
    if address.version == 6 and int(address) < _FIRST_TELLING:
        return found
    return "[ip]" + found[end:]


def redact_phones(text: str) -> str:
    """Replace telephone numbers by ``[phone]``: with a country code, or grouped as such numbers are.

    >>> redact_phones("call +41 31 322 21 11")
    'call [phone]'
    """
    return _PHONE.sub("[phone]", text)


def redact_keys(text: str) -> str:
    """Replace keys of well-known services, bearer tokens and private keys by ``[key]``.

    >>> redact_keys("Authorization: Bearer abcdefghijklmnop1234")
    'Authorization: Bearer [key]'
    """
    text = _KEYS.sub("[key]", text)
    text = _BEARER.sub(r"\1[key]", text)
    return _PRIVATE_KEY.sub("[key]", text) if "-----BEGIN" in text else text


# Keys and accounts first: their digits could be taken for something smaller.
PATTERNS: Final[tuple[Callable[[str], str], ...]] = (
    redact_keys,
    redact_emails,
    redact_ibans,
    redact_cards,
    redact_ips,
    redact_phones,
)


def redact_patterns(text: str) -> str:
    """Replace all of the above."""
    for redact in PATTERNS:
        text = redact(text)
    return text
