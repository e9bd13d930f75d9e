"""JSON as a type, so that what crosses a process boundary is parsed once and `Any` ends there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
JsonObject: TypeAlias = Mapping[str, Json]


def loads(text: str | bytes) -> Json:
    """Parse JSON text. Raises `json.JSONDecodeError` (a ValueError) on anything else."""
    value: Json = json.loads(text)
    return value


def dumps(value: Json, *, indent: int | None = None) -> str:
    """Serialise; refuses NaN and infinities (ValueError), which JSON does not have."""
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
