"""The collector: whether one answers, with which clock, and whether our key opens it."""

from __future__ import annotations

import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from groundtrace.calls import headers
from groundtrace.endpoints import is_loopback
from groundtrace_collector.doctor.finding import Finding, fail, ok, warn

SKEW_S: Final = 60.0
BUILT_AT: Final = datetime.fromisoformat("2026-01-01T00:00:00+00:00").timestamp()
"""No clock that is right shows an earlier time."""


def check_clock(now_s: float | None = None) -> Finding:
    """Whether this machine's clock can be right: spans from elsewhen are refused."""
    now_s = time.time() if now_s is None else now_s
    if now_s < BUILT_AT:
        shown = time.strftime("%Y-%m-%d", time.gmtime(now_s))
        return fail("clock", f"this machine's clock says {shown}", "set it: spans are kept by their time")
    return ok("clock", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s)))


def check_collector(url: str, api_key: str | None, *, named: bool) -> list[Finding]:
    """Whether a collector answers at ``url``, is ready, agrees on the time, and takes the key.

    ``named``: the user gave the address, so one that does not answer is a failure.
    """
    with httpx.Client(base_url=url, timeout=5.0, trust_env=not is_loopback(url)) as client:
        try:
            ready = client.get("/readyz")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            found = fail if named else warn
            words = str(error) or type(error).__name__
            return [
                found("collector", f"none answers at {url} ({words})", "start one with `groundtrace serve`")
            ]
        findings = [_readiness(url, ready), *_skew(ready)]
        if ready.is_success:
            findings.append(_key(client, api_key))
        return findings


def _readiness(url: str, ready: httpx.Response) -> Finding:
    if ready.is_success:
        return ok("collector", f"answers at {url}")
    advice = "look at its log; until then it tells senders to come again"
    if ready.status_code == httpx.codes.NOT_FOUND:
        advice = "something else answers there: check the address"
    said = " ".join(ready.text.split())  # a page of someone else has many lines
    return fail("collector", f"{url}/readyz says {ready.status_code}: {said:.200}", advice)


def _skew(response: httpx.Response) -> list[Finding]:
    try:
        there = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return []
    skew = there - time.time()
    if abs(skew) <= SKEW_S:
        return []
    advice = "set both clocks by NTP: spans from outside the retention are refused"
    return [warn("clock", f"the collector's clock is {skew:+.0f} s from this machine's", advice)]


def _key(client: httpx.Client, api_key: str | None) -> Finding:
    status = client.get("/api/v1/traces/count", headers=headers(api_key)).status_code
    if status == httpx.codes.UNAUTHORIZED:
        if api_key:
            advice = "make one with `groundtrace keys create NAME` and set GROUNDTRACE_API_KEY"
            return fail("key", "the collector does not take the key in GROUNDTRACE_API_KEY", advice)
        advice = "set GROUNDTRACE_API_KEY; `groundtrace keys create NAME` makes a key"
        return fail("key", "the collector asks for a key, and GROUNDTRACE_API_KEY is not set", advice)
    if status == httpx.codes.FORBIDDEN:
        return ok("key", "the key may send spans, and not read (role ingest)")
    if status == httpx.codes.OK:
        words = "the key may read" if api_key else "the collector asks for no key"
        return ok("key", words)
    return warn("key", f"the collector answered {status} to a question", "look at its log")
