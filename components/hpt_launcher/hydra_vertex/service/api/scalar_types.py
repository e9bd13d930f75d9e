"""Refuses what Python takes for a number and JSON does not: `true` for 1. Pure.

google.protobuf.json_format passes such a value through float() or int(): a double may be a boolean there, an enum a
boolean or a fraction. Google's own servers refuse both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message


def refuse_wrong_scalars(document: Mapping[str, Json], message: Message) -> None:
    """Raises DocumentError naming the first field that is such a value; unknown fields are passed over."""
    # Descriptors of protobuf's C implementation are of another type, with the same attributes.
    _refuse_below(document, cast("Iterable[FieldDescriptor]", message.DESCRIPTOR.fields), "")


def _refuse_below(document: Mapping[str, Json], fields: Iterable[FieldDescriptor], path: str) -> None:
    by_name = {name: field for field in fields for name in (field.json_name, field.name)}
    for name, value in document.items():
        field = by_name.get(name)
        if field is not None:
            for item, item_path in _items(value, f"{path}.{name}".lstrip(".")):
                _refuse(item, field, item_path)


def _items(value: Json, path: str) -> Iterator[tuple[Json, str]]:
    if isinstance(value, list):
        yield from ((item, f"{path}[{index}]") for index, item in enumerate(value))
    else:
        yield value, path


def _refuse(value: Json, field: FieldDescriptor, path: str) -> None:
    if field.message_type is not None:
        if isinstance(value, dict):
            _refuse_below(value, field.message_type.fields, path)
    elif field.cpp_type in {field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT}:
        if isinstance(value, bool):
            raise DocumentError(path, f"expected a number, got {quoted(value)}")
    elif field.cpp_type == field.CPPTYPE_ENUM and (isinstance(value, bool) or _is_fraction(value)):
        raise DocumentError(path, f"expected an enum's name or its number, got {quoted(value)}")


def _is_fraction(value: Json) -> bool:
    return isinstance(value, float) and not value.is_integer()
