"""Reads the newest study from the database of a service's folder, also when its service was killed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob, parse_job
from hydra_vertex.job.confirmation import is_confirmation
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError

from .folder import ServiceFolder
from .jobs import rows
from .jobs.database_errors import unusable_database
from .jobs.schema import SCHEMA_VERSION, open_reader
from .resource_names import ANY_PARENT, JobKind, parse_job_name

READ_LIMIT_S = 5.0


def database_of(directory: Path) -> Path:
    """Return the database of a service's folder, which may not exist."""
    return ServiceFolder(directory).database


def newest_study(directory: Path) -> HyperparameterTuningJob | None:
    """Return the newest tuning job of a service's folder that is no job of repeats; None when there is none.

    Nothing is written, and a service may run. Raises OutputError when the database cannot be read.
    """
    path = database_of(directory)
    if not path.is_file():
        return None
    try:
        with closing(open_reader(path, READ_LIMIT_S)) as db:
            return _newest(db, path)
    except sqlite3.Error as error:
        raise unusable_database(path, error) from error


def _newest(db: sqlite3.Connection, path: Path) -> HyperparameterTuningJob | None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise OutputError(
            f"{path}: was written by another version of hydra-vertex (format {version}); use that version"
        )
    for _, document in rows.documents(db, ANY_PARENT, JobKind.TUNING, None):
        job = parse_job(document)
        if not is_confirmation(job):
            name = parse_job_name(job.name, JobKind.TUNING)
            text = rows.job_text(db, name.parent, name.kind, name.id)
            return None if text is None else parse_job(json.loads(text))
    return None
