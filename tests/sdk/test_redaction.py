"""What the patterns take out, what they leave, and that nothing slips past them."""

import ipaddress
import string
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from groundtrace.errors import ConfigError
from groundtrace.redaction import (
    redact_cards,
    redact_emails,
    redact_ibans,
    redact_ips,
    redact_keys,
    redact_patterns,
)
from groundtrace.settings import redactors_of, settings_from_env

SENTENCES = st.text(alphabet=string.ascii_lowercase + " ,", max_size=40)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        pytest.param("Write to ada.l+x@mail.example.co.uk.", "Write to [email].", id="email"),
        pytest.param("<jörg@müller.de>", "<[email]>", id="email-unicode"),
        pytest.param("IBAN: DE89 3704 0044 0532 0130 00, BIC X", "IBAN: [iban], BIC X", id="iban"),
        pytest.param("de89370400440532013000", "[iban]", id="iban-plain"),
        pytest.param(
            "AB12 XXXX YYYY ZZZZ CH93 0076 2011 6238 5295 7", "AB12 XXXX YYYY ZZZZ [iban]", id="iban-2nd"
        ),
        pytest.param("NL91 ABNA 0417 1643 00 OK", "[iban] OK", id="iban-then-word"),
        pytest.param("5500-0000-0000-0004!", "[card]!", id="card"),
        pytest.param("1234 4111 1111 1111 1111", "1234 [card]", id="card-after-a-number"),
        pytest.param("378282246310005 and 4111111111111111", "[card] and [card]", id="cards"),
        pytest.param("at 10.0.0.1:8080 or [2001:db8::1]:443", "at [ip]:8080 or [[ip]]:443", id="ip"),
        pytest.param("::ffff:192.0.2.1", "[ip]", id="ip-mapped"),
        pytest.param("+1 (415) 555-2671", "[phone]", id="phone-us"),
        pytest.param("415-555-2671", "[phone]", id="phone-us-local"),
        pytest.param("Tel. 031 322 21 11, bitte", "Tel. [phone], bitte", id="phone-ch"),
        pytest.param("0049 30 901820", "[phone]", id="phone-00"),
        pytest.param("key sk-proj-abcdefghijklmnop1234567890", "key [key]", id="openai"),
        pytest.param("AKIAIOSFODNN7EXAMPLE", "[key]", id="aws"),
        pytest.param("ghp_" + "a" * 36, "[key]", id="github"),
        pytest.param(
            "authorization: Bearer abc.def-ghi_jklmnop==", "authorization: Bearer [key]", id="bearer"
        ),
        pytest.param(
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "[key]", id="private-key"
        ),
    ],
)
def test_what_names_a_person_or_opens_a_door_goes(text: str, redacted: str) -> None:
    assert redact_patterns(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "On 2026-11-21 at 12:30:45 we shipped 1.2.3, 10.4.1 and v2.",
        "Order 4111111111111112 has a wrong check digit.",
        "Section 12.3.4 costs 1,234,567.89 CHF; see pp. 12-34.",
        "std::vector and a[::2] and x::y",
        "DE00 3704 0044 0532 0130 00 has a wrong checksum",
        "@decorator, user@localhost, price @ 5.00",
        "0000 0000 0000 0000",
        "task-sk-1 and skill-sk-short",
        "999.999.999.999",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "1700000000 and 1700000000123",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact_patterns(text) == text


def luhn(digits: str) -> str:
    """The check digit of a card's number."""
    total = sum(
        (d := int(char) * (2 if place % 2 == 0 else 1)) - (9 if d > 9 else 0)
        for place, char in enumerate(reversed(digits))
    )
    return str(-total % 10)


@given(SENTENCES, st.text("0123456789", min_size=12, max_size=18), st.sampled_from(["", " ", "-"]), SENTENCES)
def test_every_card_number_goes(before: str, body: str, separator: str, after: str) -> None:
    number = body + luhn(body)
    assume(len(set(number)) > 1)
    shown = separator.join(number[start : start + 4] for start in range(0, len(number), 4))

    redacted = redact_cards(f"{before} {shown} {after}")

    assert redacted == f"{before} [card] {after}"


@given(
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2),
    st.text("0123456789", min_size=11, max_size=30),
    st.booleans(),
)
def test_every_account_number_goes(country: str, body: str, grouped: bool) -> None:  # noqa: FBT001 - drawn
    as_digits = "".join(str(int(char, 36)) for char in body + country + "00")
    number = f"{country}{98 - int(as_digits) % 97:02d}{body}"
    shown = " ".join(number[start : start + 4] for start in range(0, len(number), 4)) if grouped else number

    assert redact_ibans(f"pay {shown}.") == "pay [iban]."


@given(SENTENCES, st.ip_addresses(), SENTENCES)
@example("", ipaddress.ip_address("fe80::1"), "")
def test_every_address_goes(
    before: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address, after: str
) -> None:
    assume(address.version == 4 or int(address) >= 1 << 16)  # '::2' is rather a slice of a program

    assert redact_ips(f"{before} {address} {after}") == f"{before} [ip] {after}"


@given(
    SENTENCES,
    st.from_regex(r"[a-z0-9]([a-z0-9._+-]{0,20}[a-z0-9])?", fullmatch=True),
    st.from_regex(r"([a-z0-9]{1,10}\.){1,3}[a-z]{2,6}", fullmatch=True),
)
def test_every_email_address_goes(before: str, user: str, host: str) -> None:
    assert redact_emails(f"{before} {user}@{host}, {before}") == f"{before} [email], {before}"


@given(st.text(string.ascii_letters + string.digits, min_size=20, max_size=60))
def test_every_key_of_a_known_kind_goes(secret: str) -> None:
    for prefix in ("sk-", "sk-ant-", "hf_", "ghp_", "sk_live_"):
        assert secret not in redact_keys(f"use {prefix}{secret} here")


@given(st.text(max_size=200))
def test_a_second_pass_changes_nothing(text: str) -> None:
    once = redact_patterns(text)

    assert redact_patterns(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "a." * 50_000 + "@",
        "1 " * 50_000,
        "1-" * 50_000 + "x",
        "AB12" * 25_000,
        "AB12 " * 20_000,
        ":" * 100_000,
        "1:" * 50_000,
        "eyJ" + "a" * 100_000,
        "eyJaaaaaaaaa.eyJ" * 6_000,
        "-----BEGIN PRIVATE KEY-----" * 3_000,
        "+1" * 50_000,
        "bearer " * 15_000,
        "@" * 100_000,
        "a@" * 50_000,
    ],
    ids=lambda text: text[:12],
)
def test_no_text_holds_the_app_up(text: str) -> None:
    began = time.process_time()
    redact_patterns(text)

    assert time.process_time() - began < 2.0  # 100,000 characters, of which a span keeps a third


def test_patterns_are_chosen_by_name_among_functions() -> None:
    chosen = redactors_of(["patterns", str.upper], "test")

    text = "ada@example.org"
    for redact in chosen:
        text = redact(text)
    assert text == "[EMAIL]"


def test_the_environment_can_choose_the_patterns() -> None:
    settings = settings_from_env({"GROUNDTRACE_REDACT": "patterns"})

    assert settings.redact == (redact_patterns,)


@pytest.mark.parametrize("wrong", ["emails", 3, ["patterns", None]], ids=str)
def test_another_word_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match=r"redact must be 'patterns', a function .* \(from here\)"):
        redactors_of(wrong, "here")
