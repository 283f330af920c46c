"""Calls to an OpenAI-compatible chat endpoint: limits, retries, deadline, and what each call cost."""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from groundtrace.errors import MissingExtraError
from groundtrace_evaluators.judge.breaker import Breaker
from groundtrace_evaluators.judge.budget import Amount, Budget
from groundtrace_evaluators.judge.completion import Completion, message_of, read_completion
from groundtrace_evaluators.judge.config import JudgeConfig
from groundtrace_evaluators.judge.failure import JudgeFailedError
from groundtrace_evaluators.judge.retries import is_passing, retry_after_s, status_of, wait_s
from groundtrace_evaluators.score import Status

if TYPE_CHECKING:
    import httpx

Messages = Sequence[Mapping[str, str]]

MAX_BODY_BYTES: Final = 4_000_000
"""A longer answer is no verdict, and is not read to its end."""
TEMPLATE_TOKENS: Final = 1_000
"""What an endpoint may add to a prompt (chat template, its own system text)."""
BELIEVED_TIMES: Final = 4
"""Token counts beyond so many times the bound are taken for a fault of the endpoint."""
_OK: Final = 200


@dataclass(slots=True)
class Spend:
    """What one evaluation has used so far, failed calls included."""

    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    calls: int = 0
    model: str = ""
    """The model that the endpoint named."""
    replies: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How one request ended: with a completion, or with a failure that may pass or not.

    ``unpaid`` is true where the endpoint said that it did no work.
    """

    completion: Completion | None = None
    failure: JudgeFailedError | None = None
    passing: bool = False
    unpaid: bool = False
    retry_after_s: float | None = None


class Endpoint:
    """One endpoint and model; used on the judges' loop only."""

    def __init__(self, config: JudgeConfig, budget: Budget) -> None:
        self._config = config
        self._budget = budget
        self._breaker = Breaker(config.breaker_failures, config.breaker_s, time.monotonic)
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots = asyncio.Semaphore(config.concurrency)

    async def complete(self, messages: Messages, schema: Mapping[str, Any], spend: Spend) -> Completion:
        """One reply, after as many retries as are allowed; ``spend`` grows by each attempt.

        Raises JudgeFailedError with the status that the evaluation ends with.
        """
        body = json.dumps(request_body(self._config, messages, schema), ensure_ascii=False).encode()
        self._breaker.check()
        try:
            attempt = await self._attempts(body, spend)
        except BaseException:  # a budget that is used up, or a caller that went away
            self._breaker.gave_up()
            raise
        if attempt.completion is not None:
            self._breaker.succeeded()
            return attempt.completion
        failure = attempt.failure or JudgeFailedError(Status.ERROR, "no reply")
        if attempt.passing:
            self._breaker.failed(failure)
        else:
            self._breaker.succeeded()  # it answered; that it will not do this is no outage
        raise failure

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None and self._loop is asyncio.get_running_loop():
            await self._client.aclose()
        self._client = None

    async def _attempts(self, body: bytes, spend: Spend) -> _Attempt:
        """The first attempt that succeeded or is final, else the last."""
        client, slots = self._connected()
        retry = 0
        while True:
            async with slots:  # before reserving: what waits its turn must not hold the budget
                attempt = await self._attempt(client, body, spend)
            retry += 1
            pause = self._pause(retry, attempt)
            if pause is None:
                return attempt
            await asyncio.sleep(pause)

    def _pause(self, retry: int, attempt: _Attempt) -> float | None:
        if not attempt.passing or retry > self._config.max_retries:
            return None
        return wait_s(
            retry,
            attempt.retry_after_s,
            first_wait_s=self._config.first_wait_s,
            max_wait_s=self._config.max_wait_s,
            jitter=random.random(),  # noqa: S311 - spreads retries, hides nothing
        )

    async def _attempt(self, client: "httpx.AsyncClient", body: bytes, spend: Spend) -> _Attempt:
        """One request: reserved, sent, counted."""
        most_in, most_out = len(body) + TEMPLATE_TOKENS, self._config.max_output_tokens
        reserved = self._budget.reserve(Amount(most_in + most_out, self._usd(most_in, most_out)))
        tokens_in, tokens_out = most_in, most_out  # what an interrupted call is counted at
        spend.calls += 1
        try:
            attempt = await self._sent(client, body)
            if attempt.unpaid:
                tokens_in = tokens_out = 0
            elif attempt.completion is not None:
                told = attempt.completion
                tokens_in = most_in if told.tokens_in is None else told.tokens_in
                tokens_out = most_out if told.tokens_out is None else told.tokens_out
                spend.replies.append(told.text)
                spend.model = told.model or spend.model
            return attempt
        finally:
            usd = self._usd(tokens_in, tokens_out)
            self._budget.settle(reserved, Amount(tokens_in + tokens_out, usd))
            spend.tokens_in += tokens_in
            spend.tokens_out += tokens_out
            spend.usd += usd

    async def _sent(self, client: "httpx.AsyncClient", body: bytes) -> _Attempt:
        import httpx

        limit_s = self._config.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._answered(client, body)
        except (TimeoutError, httpx.TimeoutException):
            failure = JudgeFailedError(Status.TIMEOUT, f"no whole reply within {limit_s:g} s")
            return _Attempt(failure=failure, passing=True)
        except (httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
            failure = JudgeFailedError(Status.ERROR, f"{self._config.base_url} cannot be reached: {exc}")
            return _Attempt(failure=failure, unpaid=True)
        except httpx.HTTPError as exc:  # the connection broke: whether the work was done is unknown
            said = f"{type(exc).__name__}: {exc}"
            failure = JudgeFailedError(Status.ERROR, f"{self._config.base_url} broke off: {said}")
            return _Attempt(failure=failure, passing=True)

    async def _answered(self, client: "httpx.AsyncClient", body: bytes) -> _Attempt:
        url = f"{self._config.base_url}/chat/completions"
        async with client.stream("POST", url, content=body, headers=headers(self._config)) as response:
            answer = bytearray()
            async for piece in response.aiter_bytes():
                answer += piece
                if len(answer) > MAX_BODY_BYTES:
                    failure = JudgeFailedError(
                        Status.PARSE_ERROR, f"the endpoint's answer is longer than {MAX_BODY_BYTES:,} bytes"
                    )
                    return _Attempt(failure=failure)
        code = response.status_code
        if code == _OK:
            return self._read(bytes(answer), len(body))
        return _Attempt(
            failure=JudgeFailedError(
                status_of(code), f"the endpoint answered {code}: {message_of(bytes(answer))}"
            ),
            passing=is_passing(code),
            unpaid=True,
            retry_after_s=retry_after_s(response.headers.get("retry-after"), datetime.now(UTC)),
        )

    def _read(self, answer: bytes, sent: int) -> _Attempt:
        try:
            completion = read_completion(
                answer,
                most_in=BELIEVED_TIMES * (sent + TEMPLATE_TOKENS),
                most_out=BELIEVED_TIMES * self._config.max_output_tokens,
            )
        except JudgeFailedError as failure:
            return _Attempt(failure=failure)
        return _Attempt(completion=completion)

    def _connected(self) -> "tuple[httpx.AsyncClient, asyncio.Semaphore]":
        """The client of this loop (a forked child has another), and its slots."""
        try:
            import httpx
        except ImportError as exc:
            raise MissingExtraError(library="httpx", extra="judge") from exc
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client = httpx.AsyncClient(timeout=self._config.timeout_s)
            self._slots = asyncio.Semaphore(self._config.concurrency)
            self._loop = loop
        return self._client, self._slots

    def _usd(self, tokens_in: int, tokens_out: int) -> float:
        price = self._config.price
        return price.usd(tokens_in, tokens_out) if price else 0.0


def headers(config: JudgeConfig) -> dict[str, str]:
    """What goes with each request; the key only here."""
    key = {"authorization": f"Bearer {config.api_key.get_secret_value()}"} if config.api_key else {}
    return {"content-type": "application/json", "accept": "application/json"} | key


def request_body(config: JudgeConfig, messages: Messages, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A chat completion request in the form that this endpoint takes."""
    body: dict[str, Any] = {
        "model": config.model,
        "messages": list(messages),
        config.output_limit: config.max_output_tokens,
    }
    if config.temperature is not None:
        body["temperature"] = config.temperature
    if config.seed is not None:
        body["seed"] = config.seed
    if config.reply_format == "json_schema":
        named = {"name": "verdicts", "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    elif config.reply_format == "json_object":
        body["response_format"] = {"type": "json_object"}
    return body
