"""Reads the values of a search file in gcloud's form as gcloud does. Pure, apart from loading Google's messages.

gcloud decodes the YAML into the API's messages with apitools: a single value stands for a list with it, a number may be
text, an enum is its name or its number, and null or an empty list is an absent field. Texts and booleans are not
converted. Names are also accepted in snake_case, which the API's own JSON has.

Source of the rules: apitools/base/protorpclite/protojson.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

from hydra_vertex.job.fields import parse_duration_s, parse_integer, parse_time
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import DocumentError, SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.suggestions import suggest
from hydra_vertex.service.api.json_types import WELL_KNOWN_TYPES, is_repeated

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

_TIMES: Mapping[str, tuple[str, Callable[[Json, str], object]]] = {
    "google.protobuf.Duration": ("a duration such as 3600s", parse_duration_s),
    "google.protobuf.Timestamp": ("a time", parse_time),
}
_JOB = "HyperparameterTuningJob"


def as_gcloud_reads(document: JsonObject, search: Path) -> JsonObject:
    """Return the document with the API's field names and lists. Raises SearchSpaceError for a value of a wrong type."""
    from hydra_vertex.service.api.google_messages import message_class

    try:
        # Descriptors of protobuf's C implementation have another type with the same attributes.
        return read_message(document, cast("Descriptor", message_class(_JOB).DESCRIPTOR), "")
    except DocumentError as error:
        raise SearchSpaceError(f"{search}: {excerpt(str(error), 500)}") from error


def read_message(value: Json, message: Descriptor, path: str) -> JsonObject:
    """Read a mapping as a message; unknown fields are kept. Raises DocumentError."""
    if not isinstance(value, Mapping):
        _refuse(path, "a mapping", value)
    fields = {name: field for field in message.fields for name in (field.json_name, field.name)}
    result: dict[str, Json] = {}
    for name, item in value.items():
        if item is None or item == []:
            continue
        field = fields.get(name)
        key = name if field is None else field.json_name
        if key in result:
            raise DocumentError(f"{path}.{key}".lstrip("."), "is given twice, in both spellings of its name")
        result[key] = item if field is None else _read_field(item, field, f"{path}.{name}".lstrip("."))
    return result


def _read_field(value: Json, field: FieldDescriptor, path: str) -> Json:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return _read_labels(value, path)
    if not is_repeated(field):
        return _read_item(value, field, path)
    items = value if isinstance(value, list) else [value]
    return [_read_item(item, field, f"{path}[{index}]") for index, item in enumerate(items)]


def _read_labels(value: Json, path: str) -> Json:
    if not isinstance(value, Mapping):
        _refuse(path, "a mapping", value)
    for name, text in value.items():
        if not isinstance(text, str):
            _refuse(f"{path}.{name}", "text; put it in quotes", text)
    return dict(value)


def _read_item(value: Json, field: FieldDescriptor, path: str) -> Json:
    message = field.message_type
    if message is not None:
        if message.full_name in _TIMES:
            expected, parse = _TIMES[message.full_name]
            if not isinstance(value, str):
                _refuse(path, expected, value)
            parse(value, path)
        is_own = not message.full_name.startswith(WELL_KNOWN_TYPES)
        return read_message(value, message, path) if is_own else value
    if field.enum_type is not None:
        return _read_enum(value, field.enum_type, path)
    return _read_scalar(value, field, path)


def _read_enum(value: Json, kind: EnumDescriptor, path: str) -> Json:
    numbers = {item.name: item.number for item in kind.values}
    for name, number in numbers.items():
        if value == name or (value == number and type(value) is int):
            return name
    hint = suggest(str(value).upper(), numbers)
    raise DocumentError(path, f"{excerpt(repr(value))} is not one of its values{hint}")


def _read_scalar(value: Json, field: FieldDescriptor, path: str) -> Json:
    match field.cpp_type:
        case field.CPPTYPE_STRING:
            if not isinstance(value, str):
                _refuse(path, "text; put it in quotes", value)
        case field.CPPTYPE_BOOL:
            if not isinstance(value, bool):
                _refuse(path, "true or false", value)
        case field.CPPTYPE_DOUBLE | field.CPPTYPE_FLOAT:
            return _number(value, path)
        case _:
            if isinstance(value, (bool, list, Mapping)):
                _refuse(path, "a whole number", value)
            parse_integer(value, path)
    return value


def _number(value: Json, path: str) -> Json:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            _refuse(path, "a number", value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(path, "a number", value)
    return value


def _refuse(path: str, expected: str, value: Json) -> NoReturn:
    raise DocumentError(path, f"expected {expected}, got {excerpt(repr(value))}")
