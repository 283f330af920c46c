"""Two projects in one store, a trace with everything in each, and keys to come in with."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from groundtrace_collector.access.key import Role
from groundtrace_collector.collector import Collector
from tests.collector.otlp import otlp_request

PROTOBUF = {"content-type": "application/x-protobuf"}
SECRET = "kestrel"  # noqa: S105  (not a password)
"""A word that stands in every text of the other project, and nowhere else."""


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@dataclass(frozen=True, slots=True)
class Door:
    """A client, and the keys it may show."""

    client: httpx.AsyncClient
    collector: Collector

    async def token(self, role: Role, project: str | None = None) -> str:
        name = f"{role}-{project}-{len(await self.collector.keys.keys())}"
        _, token = await self.collector.keys.create(name=name, role=role, project=project)
        return token


@pytest.fixture
def door(client: httpx.AsyncClient, collector: Collector) -> Door:
    return Door(client, collector)


def spans_of(trace_id: str, word: str) -> bytes:
    """A trace of a retriever and an LLM whose texts all hold ``word``."""
    return otlp_request(
        [
            {
                "trace_id": trace_id,
                "span_id": "00000000000000a1",
                "name": f"ask {word}",
                "kind": "CHAIN",
                "attributes": {
                    "input.value": f"where is the {word}?",
                    "output.value": f"the {word} is in the tower",
                    "metadata": f'{{"bird_{word}": "{word}"}}',
                    "session.id": f"session-{word}",
                },
            },
            {
                "trace_id": trace_id,
                "span_id": "00000000000000a2",
                "parent_span_id": "00000000000000a1",
                "name": "embed",
                "kind": "EMBEDDING",
                "attributes": {"embedding.model_name": f"encoder-{word}"},
            },
            {
                "trace_id": trace_id,
                "span_id": "00000000000000a3",
                "parent_span_id": "00000000000000a1",
                "name": "search",
                "kind": "RETRIEVER",
                "attributes": {
                    "retrieval.documents.0.document.id": f"doc-{word}",
                    "retrieval.documents.0.document.content": f"{word}s nest in towers",
                },
            },
            {
                "trace_id": trace_id,
                "span_id": "00000000000000a4",
                "parent_span_id": "00000000000000a1",
                "name": "answer",
                "kind": "LLM",
                "attributes": {"llm.model_name": f"model-{word}", "llm.token_count.prompt": 11},
            },
        ],
        resource={"service.name": f"service-{word}"},
    )
