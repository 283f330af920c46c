"""Attribute keys, each spelt once: OpenInference's, OpenTelemetry GenAI's and groundtrace's own.

Sources: OpenInference semantic conventions (openinference-semantic-conventions 0.1.31),
OpenTelemetry semantic-conventions-genai (Development). A key that ends in a dot-less list name
(``RETRIEVAL_DOCUMENTS``) is a prefix: items follow as ``<prefix>.<index from 0>.<key>``.
"""

from enum import StrEnum
from typing import Final


class SpanKind(StrEnum):
    """What a span does, in OpenInference's words."""

    LLM = "LLM"
    EMBEDDING = "EMBEDDING"
    CHAIN = "CHAIN"
    RETRIEVER = "RETRIEVER"
    RERANKER = "RERANKER"
    TOOL = "TOOL"
    AGENT = "AGENT"
    GUARDRAIL = "GUARDRAIL"
    EVALUATOR = "EVALUATOR"
    PROMPT = "PROMPT"
    UNKNOWN = "UNKNOWN"


class MimeType(StrEnum):
    """How an input or output value is to be read."""

    TEXT = "text/plain"
    JSON = "application/json"


class GenAIOperation(StrEnum):
    """``gen_ai.operation.name``; reranking has none yet."""

    CHAT = "chat"
    TEXT_COMPLETION = "text_completion"
    EMBEDDINGS = "embeddings"
    RETRIEVAL = "retrieval"
    EXECUTE_TOOL = "execute_tool"
    INVOKE_AGENT = "invoke_agent"


# --- OpenInference: every span
SPAN_KIND: Final = "openinference.span.kind"
PROJECT_NAME: Final = "openinference.project.name"
INPUT_VALUE: Final = "input.value"
INPUT_MIME_TYPE: Final = "input.mime_type"
OUTPUT_VALUE: Final = "output.value"
OUTPUT_MIME_TYPE: Final = "output.mime_type"
SESSION_ID: Final = "session.id"
USER_ID: Final = "user.id"
METADATA: Final = "metadata"
TAG_TAGS: Final = "tag.tags"
AGENT_NAME: Final = "agent.name"
GRAPH_NODE_ID: Final = "graph.node.id"
GRAPH_NODE_NAME: Final = "graph.node.name"
GRAPH_NODE_PARENT_ID: Final = "graph.node.parent_id"

# --- OpenInference: documents
RETRIEVAL_DOCUMENTS: Final = "retrieval.documents"
RERANKER_INPUT_DOCUMENTS: Final = "reranker.input_documents"
RERANKER_OUTPUT_DOCUMENTS: Final = "reranker.output_documents"
RERANKER_QUERY: Final = "reranker.query"
RERANKER_MODEL_NAME: Final = "reranker.model_name"
RERANKER_TOP_K: Final = "reranker.top_k"
DOCUMENT_ID: Final = "document.id"
DOCUMENT_CONTENT: Final = "document.content"
DOCUMENT_SCORE: Final = "document.score"
DOCUMENT_METADATA: Final = "document.metadata"

# --- OpenInference: embeddings
EMBEDDING_MODEL_NAME: Final = "embedding.model_name"
EMBEDDING_INVOCATION_PARAMETERS: Final = "embedding.invocation_parameters"
EMBEDDING_EMBEDDINGS: Final = "embedding.embeddings"
EMBEDDING_TEXT: Final = "embedding.text"
EMBEDDING_VECTOR: Final = "embedding.vector"

# --- OpenInference: model calls
LLM_MODEL_NAME: Final = "llm.model_name"
LLM_PROVIDER: Final = "llm.provider"
LLM_SYSTEM: Final = "llm.system"
LLM_INVOCATION_PARAMETERS: Final = "llm.invocation_parameters"
LLM_INPUT_MESSAGES: Final = "llm.input_messages"
LLM_OUTPUT_MESSAGES: Final = "llm.output_messages"
LLM_PROMPTS: Final = "llm.prompts"
LLM_CHOICES: Final = "llm.choices"
LLM_TOOLS: Final = "llm.tools"
LLM_FINISH_REASON: Final = "llm.finish_reason"
LLM_FUNCTION_CALL: Final = "llm.function_call"
LLM_PROMPT_TEMPLATE: Final = "llm.prompt_template.template"
LLM_PROMPT_TEMPLATE_VARIABLES: Final = "llm.prompt_template.variables"
LLM_PROMPT_TEMPLATE_VERSION: Final = "llm.prompt_template.version"
LLM_TOKEN_COUNT_PROMPT: Final = "llm.token_count.prompt"  # noqa: S105
LLM_TOKEN_COUNT_COMPLETION: Final = "llm.token_count.completion"  # noqa: S105
LLM_TOKEN_COUNT_TOTAL: Final = "llm.token_count.total"  # noqa: S105
LLM_TOKEN_COUNT_CACHE_READ: Final = "llm.token_count.prompt_details.cache_read"  # noqa: S105
LLM_TOKEN_COUNT_CACHE_WRITE: Final = "llm.token_count.prompt_details.cache_write"  # noqa: S105
LLM_TOKEN_COUNT_PROMPT_AUDIO: Final = "llm.token_count.prompt_details.audio"  # noqa: S105
LLM_TOKEN_COUNT_REASONING: Final = "llm.token_count.completion_details.reasoning"  # noqa: S105
LLM_TOKEN_COUNT_COMPLETION_AUDIO: Final = "llm.token_count.completion_details.audio"  # noqa: S105
LLM_COST_PROMPT: Final = "llm.cost.prompt"
LLM_COST_COMPLETION: Final = "llm.cost.completion"
LLM_COST_TOTAL: Final = "llm.cost.total"

MESSAGE_ROLE: Final = "message.role"
MESSAGE_CONTENT: Final = "message.content"
MESSAGE_CONTENTS: Final = "message.contents"
MESSAGE_NAME: Final = "message.name"
MESSAGE_TOOL_CALL_ID: Final = "message.tool_call_id"
MESSAGE_TOOL_CALLS: Final = "message.tool_calls"
MESSAGE_FUNCTION_CALL_NAME: Final = "message.function_call_name"
MESSAGE_FUNCTION_CALL_ARGUMENTS: Final = "message.function_call_arguments_json"
MESSAGE_CONTENT_TYPE: Final = "message_content.type"
MESSAGE_CONTENT_TEXT: Final = "message_content.text"
MESSAGE_CONTENT_ENCRYPTED: Final = "message_content.encrypted_content"
MESSAGE_CONTENT_IMAGE_URL: Final = "message_content.image.image.url"
TOOL_CALL_ID: Final = "tool_call.id"
TOOL_CALL_FUNCTION_NAME: Final = "tool_call.function.name"
TOOL_CALL_FUNCTION_ARGUMENTS: Final = "tool_call.function.arguments"
PROMPT_TEXT: Final = "prompt.text"
COMPLETION_TEXT: Final = "completion.text"
TOOL_JSON_SCHEMA: Final = "tool.json_schema"

# --- OpenInference: tools
TOOL_NAME: Final = "tool.name"
TOOL_DESCRIPTION: Final = "tool.description"
TOOL_PARAMETERS: Final = "tool.parameters"
TOOL_ID: Final = "tool.id"

# --- OpenTelemetry GenAI and general
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
GEN_AI_REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
GEN_AI_REQUEST_TOP_P: Final = "gen_ai.request.top_p"
GEN_AI_REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
GEN_AI_REQUEST_SEED: Final = "gen_ai.request.seed"
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_INPUT_MESSAGES: Final = "gen_ai.input.messages"
GEN_AI_OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
GEN_AI_EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
GEN_AI_RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
GEN_AI_RETRIEVAL_QUERY_TEXT: Final = "gen_ai.retrieval.query.text"
GEN_AI_RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"
GEN_AI_DATA_SOURCE_ID: Final = "gen_ai.data_source.id"
GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
GEN_AI_TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
ERROR_TYPE: Final = "error.type"

# --- groundtrace's own (DESIGN section 3)
EMBEDDING_MODEL_VERSION: Final = "embedding.model_version"
EMBEDDING_FINGERPRINT: Final = "embedding.fingerprint"
EMBEDDING_TEXT_COUNT: Final = "embedding.text_count"
EMBEDDING_BATCH_SIZE: Final = "embedding.batch_size"
EMBEDDING_TEXTS_PER_SECOND: Final = "embedding.texts_per_second"
EMBEDDING_NORM_MEAN: Final = "embedding.norm.mean"
EMBEDDING_NORM_MIN: Final = "embedding.norm.min"
EMBEDDING_NORM_MAX: Final = "embedding.norm.max"
RETRIEVAL_SCORE_SENSE: Final = "retrieval.score_sense"
RETRIEVAL_TOP_K: Final = "retrieval.top_k"
RETRIEVAL_QUERY_COUNT: Final = "retrieval.query_count"
ROUTE: Final = "groundtrace.route"
FALLBACK: Final = "groundtrace.fallback"
RETRY_ATTEMPT: Final = "groundtrace.retry.attempt"
CACHE_HIT: Final = "groundtrace.cache.hit"
CACHE_SIMILARITY: Final = "groundtrace.cache.similarity"
CACHE_THRESHOLD: Final = "groundtrace.cache.threshold"
CACHE_QUERY: Final = "groundtrace.cache.query"
SHADOW: Final = "groundtrace.shadow"
INDEXING: Final = "groundtrace.indexing"
CANCELLED: Final = "groundtrace.cancelled"
TRUNCATED: Final = "groundtrace.truncated"
DATASET_ROW: Final = "groundtrace.dataset.row"
GOLD_DOCUMENT_IDS: Final = "groundtrace.gold.document_ids"

# --- values and event names
REDACTED: Final = "__REDACTED__"
FIRST_TOKEN_EVENT: Final = "First Token Stream Event"  # noqa: S105
SCORE_SENSE_SIMILARITY: Final = "similarity"
SCORE_SENSE_DISTANCE: Final = "distance"
