"""Where the judge is, what it may cost, and how hard to try."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypedDict

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from groundtrace.errors import ConfigError

PREFIX: Final = "GROUNDTRACE_JUDGE_"

ReplyFormat = Literal["json_schema", "json_object", "text"]
OutputLimit = Literal["max_tokens", "max_completion_tokens"]


class Price(BaseModel, frozen=True, extra="forbid"):
    """What a model costs, in US dollars a million tokens."""

    input_usd_per_million: float = Field(ge=0.0, allow_inf_nan=False)
    output_usd_per_million: float = Field(ge=0.0, allow_inf_nan=False)

    def usd(self, tokens_in: int, tokens_out: int) -> float:
        """The price of one call.

        >>> Price(input_usd_per_million=2, output_usd_per_million=10).usd(500_000, 100_000)
        2.0
        """
        return (tokens_in * self.input_usd_per_million + tokens_out * self.output_usd_per_million) / 1e6


_PRICES: Final = TypeAdapter(dict[str, Price])
_NEEDED: Final = ("base_url", "model")
_Usd = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
_Tokens = Annotated[int, Field(ge=0)]


class JudgeConfig(BaseModel, frozen=True, extra="forbid"):
    """The settings of a judge; each is a keyword of the judged evaluators.

    A keyword stands over the environment variable ``GROUNDTRACE_JUDGE_<FIELD>`` (``prices`` as JSON),
    and that over the default here.
    """

    base_url: str = Field(description="The endpoint up to, without, `/chat/completions`.")
    model: str = Field(min_length=1, description="The model's name as the endpoint knows it.")
    api_key: SecretStr | None = Field(None, description="Sent as a bearer token; never stored or logged.")
    prices: dict[str, Price] = Field(
        default_factory=dict,
        description="US dollars a million tokens, by model; without the model's price only tokens are counted.",
    )
    run_usd: _Usd | None = Field(None, description="What this evaluator may spend in all.")
    day_usd: _Usd | None = Field(None, description="What may be spent in one day (UTC).")
    run_tokens: _Tokens | None = Field(None, description="The same in tokens, for a model without a price.")
    day_tokens: _Tokens | None = Field(None, description="Tokens in one day (UTC).")
    folder: Path | None = Field(
        None,
        description="Keeps verdicts and the day's spending, shared by all processes that name it; "
        "without it both live in this process.",
    )
    canary: bool = Field(
        default=True,
        description="Mix a made-up claim into every call; a judge that accepts it is not believed.",
    )
    timeout_s: float = Field(60.0, gt=0.0, description="How long one call may take, from first to last byte.")
    max_retries: int = Field(
        3, ge=0, le=3, description="After 408, 409, 429, 5xx, a timeout or a lost reply."
    )
    first_wait_s: float = Field(
        0.5, ge=0.0, description="The pause before the first retry; doubles, with jitter."
    )
    max_wait_s: float = Field(
        30.0, ge=0.0, description="The longest pause; a longer Retry-After ends the attempt as it stands."
    )
    breaker_failures: int = Field(
        5, ge=0, description="So many calls failing in a row stop all calls for a while; 0 never does."
    )
    breaker_s: float = Field(30.0, gt=0.0, description="For how long they stop.")
    concurrency: int = Field(4, ge=1, le=256, description="Calls under way at once.")
    max_output_tokens: int = Field(4_096, ge=64, description="The longest reply asked for.")
    output_limit: OutputLimit = Field("max_tokens", description="How the endpoint calls that limit.")
    temperature: float | None = Field(0.0, description="None leaves it out of the request.")
    seed: int | None = Field(0, description="None leaves it out of the request.")
    reply_format: ReplyFormat = Field("json_schema", description="What to ask for; `text` leaves it out.")
    window_chars: int = Field(
        24_000, ge=500, description="Characters of context in one call; more context means more calls."
    )
    claims_per_call: int = Field(20, ge=1, le=200, description="Claims in one call.")
    disagreement: float = Field(
        0.5, gt=0.0, le=1.0, description="How far judge and deterministic score may lie apart unmarked."
    )

    @classmethod
    def resolve(cls, options: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Self:
        """The settings from keywords and environment. Raises ConfigError that names what is wrong."""
        named = {name: environ.get(PREFIX + name.upper(), "") for name in cls.model_fields}
        found: dict[str, Any] = {name: value for name, value in named.items() if value}
        found |= {name: value for name, value in options.items() if value is not None or name not in found}
        found = {name: value for name, value in found.items() if not (name in _NEEDED and value is None)}
        try:
            if isinstance(found.get("prices"), str):
                found["prices"] = _PRICES.validate_json(found["prices"])
            return cls.model_validate(found)
        except ValidationError as exc:
            raise ConfigError(_told(exc)) from None  # the cause would show the key

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"must start with http:// or https://, got {value!r}")
        return value.rstrip("/").removesuffix("/chat/completions")

    @model_validator(mode="after")
    def _dollars_need_a_price(self) -> Self:
        limited = self.run_usd is not None or self.day_usd is not None
        if limited and self.price is None:
            raise ValueError(
                f"a budget in dollars needs the price of {self.model!r} in prices; "
                "without it set run_tokens or day_tokens"
            )
        return self

    @property
    def price(self) -> Price | None:
        """What this model costs; None where the user has not said."""
        return self.prices.get(self.model)


class JudgeOptions(TypedDict, total=False):
    """The keywords of a judged evaluator; ``JudgeConfig`` says what each means."""

    base_url: str | None
    model: str | None
    api_key: str | None
    prices: Mapping[str, Price]
    run_usd: float | None
    day_usd: float | None
    run_tokens: int | None
    day_tokens: int | None
    folder: Path | str | None
    canary: bool
    timeout_s: float
    max_retries: int
    first_wait_s: float
    max_wait_s: float
    breaker_failures: int
    breaker_s: float
    concurrency: int
    max_output_tokens: int
    output_limit: OutputLimit
    temperature: float | None
    seed: int | None
    reply_format: ReplyFormat
    window_chars: int
    claims_per_call: int
    disagreement: float


def _told(exc: ValidationError) -> str:
    """Each fault in one line, by field, with its variable where it is absent."""
    lines = []
    for fault in exc.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "missing" and name in _NEEDED:
            lines.append(f"{name} is not set: pass {name}=… or set {PREFIX}{name.upper()}")
        else:
            lines.append(f"{name}: {fault['msg']}" if name else fault["msg"])
    return "judge: " + "; ".join(lines)
