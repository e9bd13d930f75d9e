"""Values of the engine's config file, by type. Pure. Every error names the key and the value seen."""

from __future__ import annotations

from collections.abc import Mapping

from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject


def wrong(key: str, expected: str, value: Json) -> UserError:
    """Return the error for a value. `expected` completes the sentence "KEY: ..., got VALUE"."""
    return UserError(f"engine kubernetes: {key}: {expected}, got {quoted(value)}")


def mapping_of(value: Json, key: str) -> JsonObject:
    """Return a mapping; an empty one for null. Raises UserError."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise wrong(key, "expected a mapping", value)
    return value


def texts_of(value: Json, key: str) -> dict[str, str]:
    """Return a mapping of texts, such as labels. Raises UserError."""
    result = {}
    for name, text in mapping_of(value, key).items():
        if not isinstance(text, str):
            raise wrong(f"{key}.{name}", "expected a text (in YAML, quote numbers and booleans)", text)
        result[name] = text
    return result
