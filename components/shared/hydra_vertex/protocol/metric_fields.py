"""The lines of a metric file in cloudml-hypertune's format: JSON objects with one metric and fields about it."""

from __future__ import annotations

from collections.abc import Mapping

from . import json
from .json import JsonObject

RECORD_FIELDS = ("timestamp", "trial", "global_step", "checkpoint_path")
"""The fields of a record that are not metrics."""


def fields_of(line: bytes) -> JsonObject | None:
    """Return the fields of a line; None when it is no record."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, Mapping) else None
