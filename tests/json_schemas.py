"""The JSON Schemas of `docs/schemas`, and checks that a printed document has its form."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).resolve().parent.parent / "docs" / "schemas"
SUFFIX = ".schema.json"


def names() -> list[str]:
    """Return the names of all schemas."""
    return sorted(path.name.removesuffix(SUFFIX) for path in SCHEMAS.glob(f"*{SUFFIX}"))


@cache
def schema(name: str) -> dict[str, Any]:
    """Return a schema by its name."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}{SUFFIX}").read_text())
    return found


def printed_document(stdout: str, name: str = "") -> dict[str, Any]:
    """Return the only document of stdout, which must have the form that it names, or that of `name`."""
    document: dict[str, Any] = json.loads(stdout)
    return validated(document, name)


def validated(document: dict[str, Any], name: str = "") -> dict[str, Any]:
    """Return a document that has the form that it names, or that of `name`."""
    form = name or document["schema"].split(":")[2]
    Draft202012Validator(schema(form)).validate(document)
    return document
