"""Pictures inside of requests: megabytes of base64 that say little."""

from collections.abc import Mapping
from typing import Any

from groundtrace import semconv
from groundtrace.settings import TraceSettings


def without_images(value: Any, settings: TraceSettings) -> Any:
    """Return JSON data with its embedded pictures left out where they are long or hidden."""
    if isinstance(value, Mapping):
        return {
            key: _shown(item, settings) if key in {"url", "image_url"} else without_images(item, settings)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_images(item, settings) for item in value]
    return value


def _shown(url: Any, settings: TraceSettings) -> Any:
    if not isinstance(url, str):
        return without_images(url, settings)
    long = url.startswith("data:") and len(url) > settings.base64_image_max_length
    return semconv.REDACTED if settings.hide_input_images or long else url
