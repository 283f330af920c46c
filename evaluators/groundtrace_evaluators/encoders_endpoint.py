"""An encoder behind an OpenAI-compatible embeddings endpoint."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationError

from groundtrace.errors import ConfigError, MissingExtraError
from groundtrace.fingerprint import embedding_fingerprint
from groundtrace_evaluators.encoders import Embedding, EncoderFailedError, Role, embeddings, joined_prefixes
from groundtrace_evaluators.judge.retries import is_passing, retry_after_s, status_of, wait_s
from groundtrace_evaluators.score import Status

BATCH: Final = 64
"""Texts in one request."""
_FIRST_WAIT_S: Final = 0.5
_OK: Final = 200


class _Vector(BaseModel):
    index: Annotated[int, Field(ge=0)]
    embedding: list[Annotated[float, Field(allow_inf_nan=False)]]


class _Reply(BaseModel):
    data: list[_Vector]


class EndpointEncoder:
    """Vectors from ``POST base_url/embeddings`` of any OpenAI-compatible server.

    ``dimension`` is what the model gives, and is checked; ``version`` names the model's revision where the
    name alone does not. Texts are sent whole: what is too long the server has to refuse, and one that
    shortens silently cannot be told apart. 408, 409, 429, 5xx and timeouts are tried again up to
    ``max_retries`` times. Raises ConfigError for a base_url that is none.
    """

    is_free = False

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        dimension: int,
        api_key: str | None = None,
        version: str | None = None,
        query_prefix: str = "",
        document_prefix: str = "",
        timeout_s: float = 30.0,
        max_retries: int = 3,
        max_wait_s: float = 30.0,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigError(f"base_url must start with http:// or https://, got {base_url!r}")
        self._url = base_url.rstrip("/").removesuffix("/embeddings") + "/embeddings"
        self._name = model
        self._dimension = dimension
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._prefixes = {Role.QUERY: query_prefix, Role.DOCUMENT: document_prefix}
        self._timeout_s, self._max_retries, self._max_wait_s = timeout_s, max_retries, max_wait_s
        self.fingerprint = embedding_fingerprint(
            model=model,
            version=version,
            dimension=dimension,
            prefix=joined_prefixes(query_prefix, document_prefix),
        )

    def encode(self, texts: Sequence[str], *, role: Role) -> list[Embedding]:
        """One vector a text. Raises EncoderFailedError, and EmbeddingSpaceError for vectors of another size."""
        found: list[Embedding] = []
        for start in range(0, len(texts), BATCH):
            batch = [self._prefixes[role] + text for text in texts[start : start + BATCH]]
            vectors = self._vectors(batch)
            found += embeddings(vectors, self.fingerprint, count=len(batch), dimension=self._dimension)
        return found

    def parts(self, text: str, *, role: Role) -> list[str]:  # noqa: ARG002 - the server's window is not known
        """The text as it is."""
        return [text]

    def _vectors(self, texts: list[str]) -> list[list[float]]:
        body = self._posted({"model": self._name, "input": texts, "encoding_format": "float"})
        try:
            reply = _Reply.model_validate_json(body)
        except ValidationError as exc:
            fault = exc.errors(include_url=False, include_input=False)[0]["msg"]
            raise EncoderFailedError(Status.PARSE_ERROR, f"{self._url} gave no vectors: {fault}") from None
        in_order = sorted(reply.data, key=lambda vector: vector.index)
        if [vector.index for vector in in_order] != list(range(len(texts))):
            raise EncoderFailedError(
                Status.PARSE_ERROR, f"{self._url} gave other vectors than those asked for"
            )
        return [vector.embedding for vector in in_order]

    def _posted(self, body: dict[str, Any]) -> bytes:
        try:
            import httpx
        except ImportError as exc:
            raise MissingExtraError(library="httpx", extra=None) from exc
        retry = 0
        while True:
            asked_s: float | None = None
            try:
                response = httpx.post(self._url, json=body, headers=self._headers, timeout=self._timeout_s)
            except httpx.TimeoutException:
                failure = EncoderFailedError(
                    Status.TIMEOUT, f"{self._url}: no reply in {self._timeout_s:g} s"
                )
            except httpx.HTTPError as exc:
                raise EncoderFailedError(Status.ERROR, f"{self._url} cannot be reached: {exc}") from exc
            else:
                code = response.status_code
                if code == _OK:
                    return response.content
                failure = EncoderFailedError(
                    status_of(code), f"{self._url} answered {code}: {response.text[:200]}"
                )
                if not is_passing(code):
                    raise failure
                asked_s = retry_after_s(response.headers.get("retry-after"), datetime.now(UTC))
            retry += 1
            pause = self._pause(retry, asked_s)
            if pause is None:
                raise failure
            time.sleep(pause)

    def _pause(self, retry: int, asked_s: float | None) -> float | None:
        if retry > self._max_retries:
            return None
        jitter = random.random()  # noqa: S311 - spreads retries, hides nothing
        return wait_s(retry, asked_s, first_wait_s=_FIRST_WAIT_S, max_wait_s=self._max_wait_s, jitter=jitter)
