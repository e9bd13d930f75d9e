"""Refuses fields and values of a search file in gcloud's form that the API does not have, as gcloud does.

Names and types come from Google's own message classes, so that nested fields of machines and containers are checked
too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hydra_vertex.launcher.search_space import is_gcloud_form
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import DocumentError, SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.suggestions import suggest

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_JOB = "HyperparameterTuningJob"
_WELL_KNOWN = "google.protobuf."
"""Messages of this package have a JSON form of their own, such as `3600s` for a duration."""


def require_known_fields(document: JsonObject, search: Path) -> None:
    """Raises SearchSpaceError for the first unknown field of a file in gcloud's form, with the most similar name."""
    if not is_gcloud_form(document):
        return
    from hydra_vertex.service.api.google_messages import message_class

    # Descriptors of protobuf's C implementation have another type with the same attributes.
    for path, known in unknown_fields(document, cast("Descriptor", message_class(_JOB).DESCRIPTOR)):
        hint = suggest(path.rpartition(".")[2], known)
        raise SearchSpaceError(f"{search}: {excerpt(path, 300)}: is not a field of the API{hint}")


def require_known_values(document: JsonObject, search: Path) -> None:
    """Check that Google's message class takes every value: numbers, durations, times. Raises SearchSpaceError."""
    from hydra_vertex.service.api.google_messages import canonical
    from hydra_vertex.service.resource_names import JobKind

    try:
        canonical(JobKind.TUNING, document)
    except DocumentError as error:
        raise SearchSpaceError(f"{search}: {excerpt(str(error), 500)}") from error


def unknown_fields(document: JsonObject, message: Descriptor, place: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the path of each field that a message does not have, and the names of the fields that it has.

    A field has two names, `studySpec` and `study_spec`; the names that are yielded are the first ones.
    """
    fields = {name: field for field in message.fields for name in (field.json_name, field.name)}
    for name, value in document.items():
        path = f"{place}.{name}" if place else name
        if name not in fields:
            yield path, tuple(sorted(field.json_name for field in message.fields))
            continue
        inner = _message_in(fields[name])
        if inner is not None:
            yield from _in_value(value, inner, path)


def _message_in(field: FieldDescriptor) -> Descriptor | None:
    """Return the message that a field contains; None for scalars, maps and messages with a JSON form of their own."""
    message = field.message_type
    if message is None or message.GetOptions().map_entry or message.full_name.startswith(_WELL_KNOWN):
        return None
    return message


def _in_value(value: Json, message: Descriptor, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    match value:
        case Mapping():
            yield from unknown_fields(value, message, path)
        case list():
            for index, item in enumerate(value):
                yield from _in_value(item, message, f"{path}[{index}]")
