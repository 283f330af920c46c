"""Which model an encoder or cross-encoder runs, and which space an encoder's vectors lie in."""

import json
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from groundtrace.attributes import Attributes
from groundtrace.embedding import space_attributes
from groundtrace_integrations.hub_models import HubModel, configured_model, hub_model
from groundtrace_integrations.watching import Arguments

# To walk through the modules takes 40 microseconds, as long as all the rest.
_loaded: "WeakKeyDictionary[Any, HubModel]" = WeakKeyDictionary()


def model_of(encoder: Any) -> HubModel:
    """Return name and revision: the app's own (``model_name``, ``model_version``), else those it was loaded by."""
    loaded = _loaded.get(encoder)
    if loaded is None:
        loaded = _loaded[encoder] = _loaded_model(encoder)
    own = vars(encoder)
    name, version = own.get("model_name"), own.get("model_version")
    return HubModel(
        name if isinstance(name, str) else loaded.name,
        str(version) if isinstance(version, str | int) else loaded.version,
    )


def _loaded_model(encoder: Any) -> HubModel:
    # transformers_model since 5.0; before, an encoder's is in its first module, a cross-encoder's is its model.
    for holder in (encoder, *list(getattr(encoder, "_modules", {}).values())[:1]):
        for name in ("transformers_model", "auto_model", "model"):
            found = configured_model(getattr(holder, name, None))
            if found.name is not None:
                return found
    card = getattr(encoder, "model_card_data", None)
    return hub_model(getattr(card, "base_model", None), getattr(card, "base_model_revision", None))


def encoder_space(encoder: Any, arguments: Arguments, dimension: int | None) -> Attributes:
    """Model, revision, dimension and the fingerprint of the space that this call's vectors lie in."""
    model = model_of(encoder)
    precision = arguments.get("precision")
    return space_attributes(
        model=model.name,
        version=model.version,
        dimension=dimension,
        normalized=_is_normalized(encoder, arguments),
        prefix=prompt_scheme(_prompts(encoder), used_prompt(encoder, arguments)),
        quantization=precision if precision != "float32" else None,
    )


def _is_normalized(encoder: Any, arguments: Arguments) -> bool:
    if arguments.get("normalize_embeddings"):
        return True
    if arguments.get("truncate_dim") or getattr(encoder, "truncate_dim", None):
        return False  # cut after the model has made them one long
    modules = list(getattr(encoder, "_modules", {}).values())
    return bool(modules) and type(modules[-1]).__name__ == "Normalize"


def used_prompt(encoder: Any, arguments: Arguments) -> str | None:
    """Return the text that the call puts before each of its texts."""
    prompt = arguments.get("prompt")
    if prompt is not None:
        return str(prompt)
    name = arguments.get("prompt_name") or getattr(encoder, "default_prompt_name", None)
    return None if name is None else _prompts(encoder).get(name)


def _prompts(encoder: Any) -> Mapping[str, str]:
    prompts = getattr(encoder, "prompts", None)
    return prompts if isinstance(prompts, Mapping) else {}


def prompt_scheme(prompts: Mapping[str, str], used: str | None) -> str | None:
    """Return what of the prompts belongs to the space: all that the model has, or one of the app's own.

    Queries and passages are told apart by prompts of the model on purpose, to be compared.

    >>> prompt_scheme({"query": "query: ", "document": ""}, "query: ")
    '{"query": "query: "}'
    >>> prompt_scheme({}, "Represent this: ")
    'Represent this: '
    """
    own = {name: text for name, text in prompts.items() if text}
    if used and used not in own.values():
        return used
    return json.dumps(own, sort_keys=True, ensure_ascii=False) if own else None
