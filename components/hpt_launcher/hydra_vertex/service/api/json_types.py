"""Refuses JSON values of types that google.protobuf.json_format accepts but Google's servers refuse. Pure.

json_format converts a double with float(), which accepts a boolean, and an enum with int(), which accepts a boolean or
a fraction; it accepts any empty value, such as an empty array, as a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

WELL_KNOWN_TYPES = "google.protobuf."
"""Package of durations, times and similar types, whose JSON is not an object of their fields."""


def refuse_wrong_types(document: Mapping[str, Json], message: Message) -> None:
    """Check the types of all values; unknown fields are ignored. Raises DocumentError for the first wrong field."""
    # Descriptors of protobuf's C implementation have another type with the same attributes.
    _refuse_below(document, cast("Iterable[FieldDescriptor]", message.DESCRIPTOR.fields), "")


def _refuse_below(document: Mapping[str, Json], fields: Iterable[FieldDescriptor], path: str) -> None:
    by_name = {name: field for field in fields for name in (field.json_name, field.name)}
    for name, value in document.items():
        field = by_name.get(name)
        if field is not None and value is not None:
            _refuse(value, field, f"{path}.{name}".lstrip("."))


def _refuse(value: Json, field: FieldDescriptor, path: str) -> None:
    if not is_repeated(field):
        _refuse_item(value, field, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_item(item, field, f"{path}[{index}]")


def _refuse_item(value: Json, field: FieldDescriptor, path: str) -> None:
    message = field.message_type
    if message is not None:
        if isinstance(value, dict):
            _refuse_below(value, message.fields, path)
        elif not message.full_name.startswith(WELL_KNOWN_TYPES):
            raise DocumentError(path, f"expected an object, got {quoted(value)}")
    elif field.cpp_type in {field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT}:
        if isinstance(value, bool):
            raise DocumentError(path, f"expected a number, got {quoted(value)}")
    elif field.cpp_type == field.CPPTYPE_ENUM and (isinstance(value, bool) or _is_fraction(value)):
        raise DocumentError(path, f"expected an enum's name or its number, got {quoted(value)}")


def is_repeated(field: FieldDescriptor) -> bool:
    """Whether the field is a list, or a map."""
    if hasattr(field, "is_repeated"):
        return field.is_repeated
    return bool(field.label == field.LABEL_REPEATED)  # type: ignore[attr-defined]  # protobuf before 6.31


def _is_fraction(value: Json) -> bool:
    return isinstance(value, float) and not value.is_integer()
