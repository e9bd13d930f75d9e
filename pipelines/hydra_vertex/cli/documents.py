"""The JSON documents of `--json`: their forms, each with a name and a version, and how one is printed."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import JsonObject, object_of

from .output import show_json

VERSIONS = MappingProxyType(
    {
        "arguments-file": "1.0",
        "best": "1.0",
        "cancel": "1.0",
        "check": "1.1",
        "compile": "1.0",
        "component": "1.0",
        "error": "1.0",
        "explain": "1.0",
        "export": "1.0",
        "image": "1.0",
        "image-recipe": "1.0",
        "job-file": "1.0",
        "list": "1.0",
        "mcp": "1.0",
        "replay": "1.0",
        "report": "1.0",
        "run": "1.0",
        "run-pipeline": "1.0",
        "serve": "1.0",
        "started": "1.0",
        "status": "1.1",
        "submit": "1.0",
        "watched": "1.1",
    }
)
"""The forms that hydra-vertex defines. A field more raises the second number; any other change raises the first."""
FOREIGN = ("arguments", "job")
"""The forms of other programs: a command prints their documents as these programs take them, without `schema`."""


def schema_id(name: str) -> str:
    """Return the value of the field `schema`, which is the `$id` of the form's JSON Schema."""
    return f"urn:hydra-vertex:{name}:{VERSIONS[name]}"


def schema_of(name: str) -> JsonObject:
    """Return the JSON Schema of a form. A checkout has them in `docs/`, an installed package beside this module."""
    beside, checkout = Path(__file__).parent / "schemas", Path(__file__).parents[3] / "docs" / "schemas"
    folder = beside if beside.is_dir() else checkout
    return object_of(json.loads((folder / f"{name}.schema.json").read_bytes()))


def show_document(name: str, document: JsonObject, *, on_one_line: bool = False) -> None:
    """Print a document of a named form, with the field `schema` first."""
    show_json({"schema": schema_id(name), **document}, indent=None if on_one_line else 2)
