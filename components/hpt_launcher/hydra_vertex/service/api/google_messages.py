"""Loads Google's message classes, and converts between proto JSON and messages, checked against their descriptors.

The import of the package `google.cloud.aiplatform_v1` takes 1 to 3 s and 120 MB, mostly for clients and for messages
of other services. The modules of the messages need neither, so they are imported alone: 0.1 s, 12 MB.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.resource_names import JobKind

from .json_types import refuse_wrong_types

if TYPE_CHECKING:
    from google.protobuf.message import Message

PACKAGE = "google.cloud.aiplatform_v1"
TYPES = f"{PACKAGE}.types"
MODULES = (
    *("custom_job", "hyperparameter_tuning_job", "job_service", "operation"),
    *("pipeline_job", "pipeline_service"),
)
RESOURCES = {
    JobKind.TUNING: "HyperparameterTuningJob",
    JobKind.CUSTOM: "CustomJob",
    JobKind.PIPELINE: "PipelineJob",
}

_lock = threading.Lock()
_classes: dict[str, type[Message]] = {}


def load() -> None:
    """Import the message classes, so that the first request does not wait for them. Thread-safe and idempotent."""
    with _lock:
        if not _classes:
            for module in _message_modules():
                for name in module.__all__:
                    declared = getattr(module, name)
                    if hasattr(declared, "pb"):
                        _classes[name] = declared.pb()


def message_class(name: str) -> type[Message]:
    """Return the class of a message of `google.cloud.aiplatform.v1`, such as `CustomJob`."""
    load()
    return _classes[name]


def canonical(kind: JobKind, document: Json) -> JsonObject:
    """Return a job in canonical proto JSON: camelCase, without default values.

    Raises DocumentError, which names the field, when the document is not a message of the API.
    """
    from google.protobuf.json_format import Error, ParseDict

    name = RESOURCES[kind]
    if not isinstance(document, dict):
        raise DocumentError("", f"expected the JSON object of a {name}, got {quoted(document)}")
    message = message_class(name)()
    try:
        refuse_wrong_types(document, message)
        ParseDict(document, message)
        return to_document(message)
    except DocumentError:
        raise
    except Error as error:
        raise _named(str(error), name) from error
    except RecursionError as error:
        raise DocumentError("", f"the {name} is nested too deeply") from error
    except Exception as error:
        # json_format.Parse also treats any exception of ParseDict as an error in the JSON: a KeyError when an Any
        # has no value, an OverflowError when an integer is too large for a double.
        raise DocumentError("", f"the {name} cannot be read ({type(error).__name__}: {error})") from error


def to_document(message: Message) -> JsonObject:
    """Return the proto JSON of a message."""
    from google.protobuf.json_format import MessageToDict

    document: JsonObject = MessageToDict(message)
    return document


def request_document(message: Message) -> JsonObject:
    """Return the proto JSON of a binary request. Raises DocumentError, which names a field that JSON cannot represent.

    Messages can contain values without a JSON form: times outside the years 1 to 9999, a NaN among the parameters of a
    trial, an `Any` of an unknown type. A read mask is returned as its own text, because the JSON form of a field mask
    cannot represent labels such as `a_1`.
    """
    from google.protobuf.json_format import SerializeToJsonError

    mask = ",".join(message.read_mask.paths) if "read_mask" in message.DESCRIPTOR.fields_by_name else ""  # type: ignore[attr-defined]  # of list requests
    if mask:
        message.ClearField("read_mask")
    try:
        document = to_document(message)
    except (SerializeToJsonError, TypeError, ValueError) as error:
        raise _named(str(error), message.DESCRIPTOR.name) from error
    return {**document, "readMask": mask} if mask else document


def to_message(document: JsonObject, name: str) -> Message:
    """Return the message of a document of the service, without fields unknown to Google, such as `stoppingReason`."""
    from google.protobuf.json_format import ParseDict

    message: Message = ParseDict(dict(document), message_class(name)(), ignore_unknown_fields=True)
    return message


def unknown_path(kind: JobKind, paths: Iterable[str]) -> str | None:
    """Return the first field path (in camelCase) that the kind's message does not have; None when it has all."""
    message = message_class(RESOURCES[kind])
    return next((path for path in paths if not _has(message, path.split("."))), None)


def _has(message: type[Message], path: list[str]) -> bool:
    descriptor = message.DESCRIPTOR
    for index, name in enumerate(path):
        field = next((field for field in descriptor.fields if field.json_name == name), None)
        if field is None:
            return False
        if field.message_type is None:
            return index == len(path) - 1
        descriptor = field.message_type
        if descriptor.GetOptions().map_entry:
            return True
    return True


def _message_modules() -> list[ModuleType]:
    temporary = [] if PACKAGE in sys.modules else _empty_packages()
    try:
        return [importlib.import_module(f"{TYPES}.{name}") for name in MODULES]
    finally:
        # A later import of the package loads all of it, with the same modules of messages.
        for name in temporary:
            del sys.modules[name]


def _empty_packages() -> list[str]:
    """Put empty modules for the package and its `types` into sys.modules: submodules can be imported through them."""
    import google.cloud

    spec = PathFinder.find_spec(PACKAGE, google.cloud.__path__)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"No module named {PACKAGE!r}", name=PACKAGE)
    places = list(spec.submodule_search_locations)
    for name, path in ((PACKAGE, places), (TYPES, [str(Path(place) / "types") for place in places])):
        package = ModuleType(name)
        package.__path__ = path
        sys.modules[name] = package
    return [PACKAGE, TYPES]


_UNKNOWN = re.compile(r'Message type ".*?" has no field named "(.*?)"', re.DOTALL)
_STEP = re.compile(r"Failed to (?:parse|serialize) (\w+) field: ")


def _named(text: str, root: str) -> DocumentError:
    """Convert a message of json_format into a DocumentError with the field's path.

    It takes linear time, because the text quotes the request.
    """
    steps = _STEP.findall(text)
    problem, found, path = _split_at_path(_STEP.sub("", text), root)
    if unknown := _UNKNOWN.match(problem):
        return DocumentError(f"{path}.{unknown[1]}".lstrip("."), "is not a field of the API")
    if not found:
        path = ".".join(steps)
    elif steps and path.rpartition(".")[2].split("[")[0] != steps[-1]:
        path = f"{path}.{steps[-1]}".lstrip(".")
    return DocumentError(path, problem.rstrip("."))


def _split_at_path(text: str, root: str) -> tuple[str, bool, str]:
    """Return the text before ` at ROOT.PATH`, whether there is such a path, and the path."""
    start, marker = max((text.rfind(marker), marker) for marker in (f" at {root}", f' at "{root}'))
    if start < 0:
        return text, False, ""
    return text[:start], True, text[start + len(marker) :].partition("\n")[0].lstrip(".").rstrip('".')
