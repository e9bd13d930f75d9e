"""Reads a job document from a file that the user names."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob, parse_job
from hydra_vertex.protocol.errors import DocumentError

from .json_form import load_json
from .reading import JOB_FILE


def read_job(path: Path) -> HyperparameterTuningJob:
    """Read the job in a JSON file. Raises OutputError when the file contains none; the message is one line."""
    value = load_json(path, JOB_FILE)
    if not isinstance(value, dict) or "studySpec" not in value:
        raise JOB_FILE.failure(path, "is not a HyperparameterTuningJob (it has no studySpec)")
    try:
        return parse_job(value)
    except DocumentError as error:
        raise JOB_FILE.failure(path, str(error)) from error
