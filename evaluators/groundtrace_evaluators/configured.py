"""Evaluators that need settings, from a TOML file: a judge, an encoder, a cross-encoder.

The file holds the names of variables, never a key: what it says may be read by whoever sees the machine's
configuration, and none of it leaves the process that scores.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from groundtrace.errors import ConfigError, GroundtraceError
from groundtrace_evaluators.context_relevance import ContextRelevance
from groundtrace_evaluators.embedding_similarity import EmbeddingSimilarity
from groundtrace_evaluators.encoders import CrossEncoder, Encoder
from groundtrace_evaluators.encoders_endpoint import EndpointEncoder
from groundtrace_evaluators.evaluator import Evaluator
from groundtrace_evaluators.onnx_cross_encoder import OnnxCrossEncoder
from groundtrace_evaluators.onnx_encoder import OnnxEncoder
from groundtrace_evaluators.registry import check_name

SETTINGS_VARIABLE: Final = "GROUNDTRACE_EVALUATORS"
"""Names the file."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _OnnxEncoder(_Table):
    folder: Path
    pooling: Literal["mean", "cls"] = "mean"
    normalized: bool = True
    query_prefix: str = ""
    document_prefix: str = ""
    max_tokens: int | None = None
    threads: int = 1


class _EndpointEncoder(_Table):
    base_url: str
    model: str
    dimension: Annotated[int, Field(ge=1)]
    api_key_env: str | None = None
    version: str | None = None
    query_prefix: str = ""
    document_prefix: str = ""
    timeout_s: Annotated[float, Field(gt=0.0)] = 30.0
    max_retries: Annotated[int, Field(ge=0)] = 3


class _OnnxCrossEncoder(_Table):
    folder: Path
    max_tokens: int | None = None
    threads: int = 1


class _Similarity(_Table):
    use: Literal["embedding_similarity"]
    encoder: _OnnxEncoder | _EndpointEncoder


class _Relevance(_Table):
    use: Literal["context_relevance"]
    cross_encoder: _OnnxCrossEncoder


class _Judged(BaseModel):
    """The other keys are those of ``JudgeConfig``, which says what is wrong with them."""

    model_config = ConfigDict(extra="allow", frozen=True)

    use: Literal["judged_groundedness", "judged_context_relevance"]
    api_key_env: str | None = None


_Settings = Annotated[_Similarity | _Relevance | _Judged, Field(discriminator="use")]
_SETTINGS: Final[TypeAdapter[_Similarity | _Relevance | _Judged]] = TypeAdapter(_Settings)


def load_configured(path: Path, environ: Mapping[str, str]) -> dict[str, Evaluator]:
    """The file's evaluators, each under the name of its table; keys are read from ``environ``.

    Raises ConfigError that names the file, the table and the setting that is wrong.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"{SETTINGS_VARIABLE}: {path} cannot be read: {exc}") from exc
    return {name: _made(path, name, table, environ) for name, table in tables.items()}


def _made(path: Path, name: str, table: object, environ: Mapping[str, str]) -> Evaluator:
    where = f"{path}: [{name}]"
    try:
        check_name(name)
        if isinstance(table, dict) and "api_key" in table:
            raise ConfigError("api_key: no key belongs into a file; name its variable: api_key_env")
        evaluator = _evaluator(_SETTINGS.validate_python(table), environ)
    except ValidationError as exc:
        raise ConfigError(f"{where} {_told(exc)}") from None
    except (GroundtraceError, ValueError, OSError) as exc:
        raise ConfigError(f"{where} {exc}") from exc
    # Its scores have a name of their own, so that they never mix with those of the method without a model.
    evaluator.name = name  # type: ignore[misc]
    return evaluator


def _evaluator(settings: _Similarity | _Relevance | _Judged, environ: Mapping[str, str]) -> Evaluator:
    if isinstance(settings, _Similarity):
        return EmbeddingSimilarity(encoder=_encoder(settings.encoder, environ))
    if isinstance(settings, _Relevance):
        cross_encoder: CrossEncoder = OnnxCrossEncoder(**settings.cross_encoder.model_dump())
        return ContextRelevance(cross_encoder=cross_encoder)
    return _judge(settings, environ)


def _encoder(settings: _OnnxEncoder | _EndpointEncoder, environ: Mapping[str, str]) -> Encoder:
    if isinstance(settings, _OnnxEncoder):
        return OnnxEncoder(**settings.model_dump())
    options = settings.model_dump(exclude={"api_key_env"})
    return EndpointEncoder(**options, api_key=_key(settings.api_key_env, environ))


def _judge(settings: _Judged, environ: Mapping[str, str]) -> Evaluator:
    from groundtrace_evaluators.judge import JudgedContextRelevance, JudgedGroundedness

    kinds: dict[str, Callable[..., Evaluator]] = {
        "judged_groundedness": JudgedGroundedness,
        "judged_context_relevance": JudgedContextRelevance,
    }
    options: dict[str, Any] = {**(settings.model_extra or {})}
    # "" and not None: GROUNDTRACE_JUDGE_API_KEY is meant for another endpoint and must not go to this one.
    key = _key(settings.api_key_env, environ) or ""
    return kinds[settings.use](**options, api_key=key)


def _key(variable: str | None, environ: Mapping[str, str]) -> str | None:
    if variable is None:
        return None
    key = environ.get(variable, "")
    if not key:
        raise ConfigError(f"api_key_env: the variable {variable} is not set")
    return key


def _told(exc: ValidationError) -> str:
    faults = exc.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}" for fault in faults)
