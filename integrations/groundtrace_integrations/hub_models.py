"""A Hugging Face model's name and revision, as far as the path that it was loaded from tells."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

# Where huggingface_hub keeps what it downloads: <cache>/models--<owner>--<name>/snapshots/<commit>/
_SNAPSHOT: Final = re.compile(r"models--([^/\\]+)[/\\]snapshots[/\\]([0-9a-f]{7,40})(?:[/\\]|$)")


class HubModel(NamedTuple):
    """Which model it is; ``version`` is its commit on the Hub."""

    name: str | None
    version: str | None = None


@lru_cache(maxsize=256)
def hub_model(path: str | None, commit: str | None = None) -> HubModel:
    """Return the model that ``path``, a name on the Hub or a folder, stands for.

    A folder of huggingface_hub's cache gives the name and commit that it is kept for, any other
    folder its path: two folders of one name may hold different models.

    >>> hub_model("/cache/models--intfloat--e5-small/snapshots/e272f3049e853b47cb5ca3952268c6662abda68f")
    HubModel(name='intfloat/e5-small', version='e272f3049e853b47cb5ca3952268c6662abda68f')
    """
    if not path:
        return HubModel(None, commit)
    kept = _SNAPSHOT.search(path)
    if kept is None:
        return HubModel(path, commit)
    return HubModel(kept[1].replace("--", "/", 1), commit or kept[2])


def configured_model(model: object) -> HubModel:
    """Return what a transformers model says of itself."""
    config = getattr(model, "config", None)
    path = getattr(model, "name_or_path", None) or getattr(config, "_name_or_path", None)
    commit = getattr(config, "_commit_hash", None)
    return hub_model(path if isinstance(path, str) else None, commit if isinstance(commit, str) else None)
