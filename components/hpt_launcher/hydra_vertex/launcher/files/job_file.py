"""A job document that somebody hands us."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob, parse_job
from hydra_vertex.protocol.errors import DocumentError

from .json_form import load_json
from .reading import JOB_FILE


def read_job(path: Path) -> HyperparameterTuningJob:
    """The job in a JSON file. Raises OutputError, in one line that names the file, when there is none in it."""
    value = load_json(path, JOB_FILE)
    if not isinstance(value, dict) or "studySpec" not in value:
        raise JOB_FILE.failure(path, "is no HyperparameterTuningJob (it has no studySpec)")
    try:
        return parse_job(value)
    except DocumentError as error:
        raise JOB_FILE.failure(path, str(error)) from error
