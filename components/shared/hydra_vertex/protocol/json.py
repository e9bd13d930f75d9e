"""JSON values as a type, and typed `loads` and `dumps`, so that `Any` does not pass the parser."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
JsonObject: TypeAlias = Mapping[str, Json]


def loads(text: str | bytes) -> Json:
    """Parse JSON text. Raises ValueError when it is not JSON, or is nested too deeply for the parser."""
    try:
        value: Json = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def dumps(value: Json, *, indent: int | None = None) -> str:
    """Return a value as JSON text. Raises ValueError for NaN and infinities, which JSON does not have."""
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)


def object_of(value: Json) -> JsonObject:
    """Return a JSON object as such. Raises ValueError for another value."""
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a JSON object, got {type(value).__name__}")  # noqa: TRY004 - malformed input
    return value


def array_of(value: Json) -> list[Json]:
    """Return a JSON array as a list. Raises ValueError for another value."""
    if not isinstance(value, list):
        raise ValueError(f"expected a JSON array, got {type(value).__name__}")  # noqa: TRY004 - malformed input
    return value
