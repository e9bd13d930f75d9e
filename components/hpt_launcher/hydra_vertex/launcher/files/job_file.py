"""Reads a job document from a file or from standard input.

It may be JSON or YAML: the job.json of a run, what `gcloud ai hp-tuning-jobs describe` prints in either format, or
`to_dict()` of Google's SDK or client library.
"""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob, parse_job
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json

from .job_forms import as_api_json
from .json_form import parse_json
from .reading import JOB_FILE, read_text
from .yaml_form import parse_yaml

_YAML = frozenset({".yaml", ".yml"})


def read_job(path: Path) -> HyperparameterTuningJob:
    """Read the job in a file; names of fields may be in camelCase or snake_case.

    Raises OutputError when the file contains none; the message is one line.
    """
    return job_in(load_document(read_text(path, JOB_FILE), path), path)


def load_document(text: str, path: Path) -> Json:
    """Return the document in a text, in the API's form. It is YAML by the name of the file, or by its first character.

    A list of one document, as `gcloud … list` prints, stands for the document. Raises OutputError.
    """
    is_yaml = path.suffix in _YAML or text.lstrip()[:1] not in ("{", "[", "")
    document = parse_yaml(text, path, JOB_FILE) if is_yaml else _json(text, path)
    if isinstance(document, list) and len(document) > 1:
        raise JOB_FILE.failure(path, f"is a list of {len(document)} documents, not one")
    single = document[0] if isinstance(document, list) and document else document
    return as_api_json(single)


def is_job(document: Json) -> bool:
    """Whether a document is a HyperparameterTuningJob, and not only a part of one."""
    return isinstance(document, dict) and not document.keys().isdisjoint({"studySpec", "study_spec"})


def job_in(document: Json, path: Path) -> HyperparameterTuningJob:
    """Return the job in a document that was read from `path`. Raises OutputError when the document is none."""
    if not is_job(document):
        raise JOB_FILE.failure(path, "is not a HyperparameterTuningJob (it has no studySpec)")
    try:
        return parse_job(document)
    except DocumentError as error:
        raise JOB_FILE.failure(path, str(error)) from error


def _json(text: str, path: Path) -> Json:
    return parse_json(text, path, JOB_FILE, not_finite=str)
