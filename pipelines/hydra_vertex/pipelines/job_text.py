"""A job document as YAML or JSON text, and its file."""

from __future__ import annotations

from pathlib import Path

import yaml

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import JsonObject

SUFFIXES = (".yaml", ".yml", ".json")
_WIDEST = 1 << 20


def require_job_file(path: Path) -> None:
    """Check the suffix of a job's file. Raises OutputError."""
    if path.suffix not in SUFFIXES:
        raise OutputError(f"{path}: the file of a job ends in {', '.join(SUFFIXES)}")


def job_text(document: JsonObject, suffix: str) -> str:
    """Return the document as JSON for the suffix `.json`, else as YAML that YAML 1.1 readers such as gcloud take."""
    if suffix == ".json":
        return json.dumps(document, indent=2) + "\n"
    text: str = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=_WIDEST)
    return text


def write_job(document: JsonObject, path: Path) -> None:
    """Write the document to a file; its suffix selects the form. Raises OutputError when it cannot be written."""
    try:
        write_atomic(path, job_text(document, path.suffix))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
