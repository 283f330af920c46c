"""Replies that are no verdict, each with how an evaluation that meets it must end."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from groundtrace_evaluators import Status
from tests.evaluators.judge.stub import USAGE, Answer, completion, read_task

Paid = Literal["usage", "bound", "nothing"]
Reply = Callable[[dict[str, Any], Random], Answer]

HANG_S = 30.0


@dataclass(frozen=True, slots=True)
class Hostile:
    """One kind of reply to every request, and its consequences."""

    name: str
    reply: Reply
    status: Status
    calls: int
    paid: Paid
    """What one call costs: by the endpoint's count, by the upper bound, or nothing."""


def verdicts(request: dict[str, Any], verdict: Any = "supported", evidence: Any = ()) -> list[Any]:
    """One verdict for each claim asked about."""
    count = len(read_task(request).claims)
    return [{"claim": n, "verdict": verdict, "evidence": list(evidence)} for n in range(1, count + 1)]


def whole(request: dict[str, Any], **change: Any) -> str:
    """A reply that would be sound but for the change to each verdict."""
    return json.dumps({"verdicts": [verdict | change for verdict in verdicts(request)]})


def _said(text: Callable[[dict[str, Any], Random], Any], **extra: Any) -> Reply:
    return lambda request, random: completion(text(request, random), **extra)


def _raw(
    body: Callable[[dict[str, Any], Random], bytes], status: int = 200, *headers: tuple[str, str]
) -> Reply:
    return lambda request, random: Answer(body(request, random), status=status, headers=dict(headers))


def _cut(request: dict[str, Any], random: Random) -> str:
    text = whole(request)
    return text[: random.randrange(1, len(text) - 1)]


def _noise(_: dict[str, Any], random: Random) -> str:
    return "".join(
        chr(random.choice((*range(32, 127), *range(0x400, 0x420)))) for _ in range(random.randrange(1, 300))
    )


def _cut_body(request: dict[str, Any], random: Random) -> bytes:
    body = completion(whole(request)).body
    return body[: random.randrange(1, len(body) - 1)]


def _bytes(_: dict[str, Any], random: Random) -> bytes:
    return b"\xff" + random.randbytes(random.randrange(1, 500))


def _envelope(**values: Any) -> Callable[[dict[str, Any], Random], bytes]:
    return lambda *_: json.dumps({"model": "stub-1", "usage": USAGE} | values).encode()


def _missing_one(request: dict[str, Any], random: Random) -> str:
    found = verdicts(request)
    del found[random.randrange(len(found))]
    return json.dumps({"verdicts": found})


def _twice(request: dict[str, Any], _: Random) -> str:
    found = verdicts(request)
    return json.dumps({"verdicts": [*found, found[0]]})


def _quote(passage: Any, quote: Any = "opened in 2016") -> Callable[[dict[str, Any], Random], str]:
    return lambda request, _: whole(request, evidence=[{"passage": passage, "quote": quote}])


def _used(tokens_in: Any, tokens_out: Any) -> dict[str, Any]:
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}


GZIP = ("Content-Encoding", "gzip")
WORDS = ("yes", "SUPPORTED", "grounded", "")
REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request.",
    "As an AI language model, I am unable to judge this.",
    "Sorry, I can't do that.",
    "I\u2019m sorry, I won\u2019t evaluate this content.",
    "I must decline.",
    "Es tut mir leid, aber das kann ich nicht beantworten.",
)
PROSE = (
    "All claims are fully supported by the passages. Score: 1.0",
    "The answer is grounded.",
    "Sure! Here is the JSON you asked for.",
    "yes",
    "1.0",
    "Verdict: supported\nVerdict: supported",
)

PARSE, REFUSED, RATE = Status.PARSE_ERROR, Status.REFUSED, Status.RATE_LIMITED

# fmt: off
HOSTILE: tuple[Hostile, ...] = (
    # text that is not the object asked for: repaired once, in vain
    Hostile("cut JSON", _said(_cut), PARSE, 2, "usage"),
    Hostile("noise", _said(_noise), PARSE, 2, "usage"),
    Hostile("prose", _said(lambda _, r: r.choice(PROSE)), PARSE, 2, "usage"),
    Hostile("prose around the object", _said(lambda q, _: f"Here you are: {whole(q)} Good luck!"), PARSE, 2, "usage"),
    Hostile("empty", _said(lambda *_: ""), PARSE, 2, "usage"),
    Hostile("white space", _said(lambda *_: " \n\t"), PARSE, 2, "usage"),
    Hostile("null content", _said(lambda *_: None), PARSE, 2, "usage"),
    Hostile("empty object", _said(lambda *_: "{}"), PARSE, 2, "usage"),
    Hostile("empty list", _said(lambda *_: '{"verdicts": []}'), PARSE, 2, "usage"),
    Hostile("a list", _said(lambda q, _: json.dumps(verdicts(q))), PARSE, 2, "usage"),
    Hostile("only a score", _said(lambda *_: '{"score": 1.0, "reason": "fully supported"}'), PARSE, 2, "usage"),
    Hostile("a score beside nothing", _said(lambda *_: '{"verdicts": null, "score": 1.0}'), PARSE, 2, "usage"),
    Hostile("NaN", _said(lambda *_: '{"verdicts": NaN}'), PARSE, 2, "usage"),
    Hostile("deep nesting", _said(lambda *_: "[" * 100_000), PARSE, 2, "usage"),
    Hostile("control sign in text", _said(lambda *_: '{"verdicts": [{"verdict": "supp\x00'), PARSE, 2, "usage"),
    Hostile("fence without end", _said(lambda q, _: f"```json\n{whole(q)}"), PARSE, 2, "usage"),
    Hostile("unended thoughts", _said(lambda q, _: f"<think>hm {whole(q)}"), PARSE, 2, "usage"),
    # wrong types
    Hostile("verdict a number", _said(lambda q, _: whole(q, verdict=1)), PARSE, 2, "usage"),
    Hostile("verdict true", _said(lambda q, _: whole(q, verdict=True)), PARSE, 2, "usage"),
    Hostile("verdict unknown", _said(lambda q, r: whole(q, verdict=r.choice(WORDS))), PARSE, 2, "usage"),
    Hostile("verdict a list", _said(lambda q, _: whole(q, verdict=["supported"])), PARSE, 2, "usage"),
    Hostile("evidence null", _said(lambda q, _: whole(q, evidence=None)), PARSE, 2, "usage"),
    Hostile("evidence text", _said(lambda q, _: whole(q, evidence="passage 1")), PARSE, 2, "usage"),
    Hostile("quote a number", _said(_quote(1, 7)), PARSE, 2, "usage"),
    Hostile("passage text", _said(_quote("1")), PARSE, 2, "usage"),
    Hostile("passage a fraction", _said(_quote(1.5)), PARSE, 2, "usage"),
    Hostile("claim text", _said(lambda q, _: whole(q, claim="1")), PARSE, 2, "usage"),
    Hostile("quotes without end", _said(_quote(1, "x" * 9_000)), PARSE, 2, "usage"),
    # numbers out of range
    Hostile("passage 0", _said(_quote(0)), PARSE, 2, "usage"),
    Hostile("passage beyond", _said(lambda q, r: _quote(r.randrange(99, 10**9))(q, r)), PARSE, 2, "usage"),
    Hostile("passage negative", _said(_quote(-1)), PARSE, 2, "usage"),
    Hostile("claim beyond", _said(lambda q, r: whole(q, claim=r.randrange(99, 10**9))), PARSE, 2, "usage"),
    Hostile("claim huge", _said(lambda q, _: whole(q, claim=10**40)), PARSE, 2, "usage"),
    Hostile("claim missing", _said(_missing_one), PARSE, 2, "usage"),
    Hostile("claim twice", _said(_twice), PARSE, 2, "usage"),
    # refusals
    Hostile("refusal in prose", _said(lambda _, r: r.choice(REFUSALS)), REFUSED, 1, "usage"),
    Hostile("refusal field", _said(lambda *_: None, refusal="I can't help with that."), REFUSED, 1, "usage"),
    Hostile("content filter", _said(lambda q, _: whole(q), finish="content_filter"), REFUSED, 1, "usage"),
    # cut short at the output limit, even where what came would do
    Hostile("output limit", _said(_cut, finish="length"), Status.TRUNCATED, 1, "usage"),
    Hostile("output limit, whole", _said(lambda q, _: whole(q), finish="length"), Status.TRUNCATED, 1, "usage"),
    # a judge that agrees with everything, the made-up claim too
    Hostile("agrees", _said(lambda q, _: whole(q)), Status.ERROR, 1, "usage"),
    Hostile("agrees and quotes", _said(_quote(1)), Status.ERROR, 1, "usage"),
    # counts that cannot be true are counted at the upper bound
    Hostile("no usage", _said(lambda *_: "no", usage=None), PARSE, 2, "bound"),
    Hostile("negative usage", _said(lambda *_: "no", usage=_used(-5, -1)), PARSE, 2, "bound"),
    Hostile("usage text", _said(lambda *_: "no", usage=_used("7", "x")), PARSE, 2, "bound"),
    Hostile("usage beyond belief", _said(lambda *_: "no", usage=_used(10**12, 10**12)), PARSE, 2, "bound"),
    Hostile("usage a list", _said(lambda *_: "no", usage=[1, 2]), PARSE, 2, "bound"),
    # bodies that are no chat completion: there is nothing to send back
    Hostile("cut body", _raw(_cut_body), PARSE, 1, "bound"),
    Hostile("bytes", _raw(_bytes), PARSE, 1, "bound"),
    Hostile("empty body", _raw(lambda *_: b""), PARSE, 1, "bound"),
    Hostile("HTML", _raw(lambda *_: b"<html><body>Welcome</body></html>"), PARSE, 1, "bound"),
    Hostile("no choices", _raw(_envelope(choices=[])), PARSE, 1, "bound"),
    Hostile("choices null", _raw(_envelope(choices=None)), PARSE, 1, "bound"),
    Hostile("content an object", _raw(_envelope(choices=[{"message": {"content": {"a": 1}}}])), PARSE, 1, "bound"),
    Hostile("body too long", _raw(lambda *_: b" " * 4_100_000), PARSE, 1, "bound"),
    Hostile("gzip that is none", _raw(lambda *_: b"not gzip", 200, GZIP), Status.ERROR, 4, "bound"),
    Hostile("error in a 200", _raw(_envelope(error={"message": "overloaded", "code": 500})), Status.ERROR, 1, "bound"),
    Hostile("429 in a 200", _raw(_envelope(error={"message": "slow down", "code": 429})), RATE, 1, "bound"),
    # HTTP
    Hostile("429", _raw(lambda *_: b'{"error": {"message": "slow down"}}', 429), RATE, 4, "nothing"),
    Hostile("429, wait long", _raw(lambda *_: b"", 429, ("Retry-After", "3600")), RATE, 1, "nothing"),
    Hostile("500", _raw(lambda *_: b"oops", 500), Status.ERROR, 4, "nothing"),
    Hostile("503", _raw(lambda *_: b"", 503, ("Retry-After", "0")), Status.ERROR, 4, "nothing"),
    Hostile("529", _raw(lambda *_: b"overloaded", 529), Status.ERROR, 4, "nothing"),
    Hostile("408", _raw(lambda *_: b"", 408), Status.TIMEOUT, 4, "nothing"),
    Hostile("504", _raw(lambda *_: b"", 504), Status.TIMEOUT, 4, "nothing"),
    Hostile("409", _raw(lambda *_: b"", 409), Status.ERROR, 4, "nothing"),
    Hostile("400", _raw(lambda *_: b'{"error": {"message": "no such field"}}', 400), Status.ERROR, 1, "nothing"),
    Hostile("401", _raw(lambda *_: b"", 401), Status.ERROR, 1, "nothing"),
    Hostile("404", _raw(lambda *_: b"", 404), Status.ERROR, 1, "nothing"),
    Hostile("redirect", _raw(lambda *_: b"", 307, ("Location", "http://127.0.0.1:9/")), Status.ERROR, 1, "nothing"),
    # silence
    Hostile("hang", lambda *_: Answer(hang_s=HANG_S), Status.TIMEOUT, 4, "bound"),
    Hostile("drip", lambda q, _: Answer(completion(whole(q)).body, drip_s=0.05), Status.TIMEOUT, 4, "bound"),
    Hostile("dropped", lambda *_: Answer(drop=True), Status.ERROR, 4, "bound"),
)
# fmt: on
