"""Finds what a document has and the dataclasses of this package do not keep. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json

from .fields import camel_case

_ABSENT = "_UNSPECIFIED"
"""The end of the name of an enum's value that means: not set."""


def require_kept(given: Json, written: Json, path: str) -> None:
    """Check that `written`, the document of what was read from `given`, has all of its fields. Raises DocumentError."""
    for lost in lost_fields(given, written, path):
        raise DocumentError(lost, "would be lost: the API has no such field, or the same name is given twice")


def lost_fields(given: Json, written: Json, path: str) -> Iterator[str]:
    """Yield the paths in `given` that `written` does not have. Values are not compared, and empty ones are absent."""
    if isinstance(given, dict):
        kept = written if isinstance(written, dict) else {}
        for name, value in given.items():
            key = camel_case(name)
            place = f"{path}.{name}".lstrip(".")
            if key in kept:
                yield from lost_fields(value, kept[key], place)
            elif not _is_absent(value):
                yield place
    elif isinstance(given, list) and isinstance(written, list):
        if len(given) != len(written):
            yield path
        for index, (item, other) in enumerate(zip(given, written, strict=False)):
            yield from lost_fields(item, other, f"{path}[{index}]")


def _is_absent(value: Json) -> bool:
    return not value or (isinstance(value, str) and value.endswith(_ABSENT))
