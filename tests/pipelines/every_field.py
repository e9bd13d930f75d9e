"""Job documents in which every field of the API's messages is set, made from Google's message descriptors."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeAlias

from hydra_vertex.launcher.search_space.gcloud import OUTPUT_FIELDS
from hydra_vertex.service.api.google_messages import message_class
from hydra_vertex.service.api.json_types import is_repeated

Path: TypeAlias = tuple[str | int, ...]

JOB: Any = message_class("HyperparameterTuningJob").DESCRIPTOR
WELL_KNOWN: dict[str, Any] = {
    "Duration": "7s",
    "Timestamp": "2026-01-31T12:00:00Z",
    "BoolValue": True,
    "Int32Value": 3,
}
VALUES: dict[str, Any] = {
    "replicaCount": "1",
    "machineType": "g2-standard-8",
    "acceleratorType": "NVIDIA_L4",
    "acceleratorCount": 1,
    "maxTrialCount": 4,
    "parallelTrialCount": 2,
}
"""Values that the rules of a service need."""
CHOICES = range(4)
"""No oneof of the messages has more fields than this."""


def document(choice: int) -> dict[str, Any]:
    """Return a job with every field of a search file, and of each oneof the field with the number `choice`."""
    job = sample(JOB, choice)
    for pool in job["trialJobSpec"]["workerPoolSpecs"]:
        # The command after -- is the app's.
        pool["containerSpec"].pop("command")
    return job


def sample(message: Any, choice: int, depth: int = 0) -> dict[str, Any]:
    """Return a message with every field set."""
    return {
        field.json_name: VALUES.get(field.json_name, _value(field, choice, depth))
        for field in message.fields
        if _is_chosen(field, choice) and (field.json_name != "conditionalParameterSpecs" or depth < 3)
    }


def _is_chosen(field: Any, choice: int) -> bool:
    if field.json_name in OUTPUT_FIELDS and field.containing_type is JOB:
        return False
    oneof = field.containing_oneof
    if oneof is None or field.json_name == "containerSpec":
        return True
    return oneof.fields[choice % len(oneof.fields)].name == field.name and field.json_name != "pythonPackageSpec"


def _value(field: Any, choice: int, depth: int) -> Any:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return {"team": "a"}
    item = _item(field, choice, depth)
    return [item] if is_repeated(field) else item


def _item(field: Any, choice: int, depth: int) -> Any:
    message = field.message_type
    if message is not None:
        name = message.name
        is_ours = not message.full_name.startswith("google.protobuf.")
        return sample(message, choice, depth + 1) if is_ours else WELL_KNOWN[name]
    if field.enum_type is not None:
        return field.enum_type.values[-1].name
    kinds = {field.CPPTYPE_STRING: "text", field.CPPTYPE_BOOL: True, field.CPPTYPE_INT64: "5"}
    return kinds.get(field.cpp_type, 5)


def leaves(value: Any, message: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the path and the field descriptor of every value in a document, messages included."""
    fields = {field.json_name: field for field in message.fields}
    for name, inner in value.items():
        field = fields[name]
        yield (*path, name), field
        own = field.message_type
        if own is None or own.GetOptions().map_entry or own.full_name.startswith("google.protobuf."):
            continue
        for index, item in enumerate(inner if isinstance(inner, list) else [inner]):
            at = (*path, name, index) if isinstance(inner, list) else (*path, name)
            yield from leaves(item, own, at)


def replaced(given: Any, path: Path, value: Any) -> Any:
    """Return a copy of a document with another value at a path."""
    result = copy.deepcopy(given)
    place = result
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return result


def renamed(given: Any, path: Path, name: str) -> Any:
    """Return a copy of a document in which the field at a path has another name."""
    result = copy.deepcopy(given)
    place = result
    for part in path[:-1]:
        place = place[part]
    place[name] = place.pop(path[-1])
    return result


def text_of(path: Path) -> str:
    """Return a path as messages show it: `trialJobSpec.workerPoolSpecs[0].machineSpec`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def snake_case(value: Any, message: Any) -> Any:
    """Return a document with the names of the message definitions, `study_spec`."""
    fields = {field.json_name: field for field in message.fields}
    result: dict[str, Any] = {}
    for name, inner in value.items():
        own = fields[name].message_type
        is_ours = (
            own is not None and not own.GetOptions().map_entry and not own.full_name.startswith("google.protobuf.")
        )
        if is_ours and isinstance(inner, list):
            inner = [snake_case(item, own) for item in inner]
        elif is_ours:
            inner = snake_case(inner, own)
        result[fields[name].name] = inner
    return result
