"""Reads a job document from a file that the user names: JSON, or the YAML that `gcloud … describe` prints."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob, parse_job
from hydra_vertex.protocol.errors import DocumentError

from .json_form import load_json
from .reading import JOB_FILE
from .yaml_form import load_yaml

_YAML = frozenset({".yaml", ".yml"})


def read_job(path: Path) -> HyperparameterTuningJob:
    """Read the job in a file; names of fields may be in camelCase or snake_case.

    Raises OutputError when the file contains none; the message is one line.
    """
    load = load_yaml if path.suffix in _YAML else load_json
    value = load(path, JOB_FILE)
    if not isinstance(value, dict) or value.keys().isdisjoint({"studySpec", "study_spec"}):
        raise JOB_FILE.failure(path, "is not a HyperparameterTuningJob (it has no studySpec)")
    try:
        return parse_job(value)
    except DocumentError as error:
        raise JOB_FILE.failure(path, str(error)) from error
