"""Checks a database when a service starts: its pages, its records, and the folders of jobs and trials beside it."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.service.folder import ServiceFolder

logger = logging.getLogger(__name__)


def check_pages(database: sqlite3.Connection, path: Path) -> None:
    """Run SQLite's integrity check. Raises OutputError when the file is damaged."""
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        problem = " ".join(str(verdict).split())
        raise OutputError(f"{path}: is damaged ({problem}); restore it from a copy, or give another folder")


def check_folders(database: sqlite3.Connection, folder: ServiceFolder) -> None:
    """Compare the folders of jobs with the records, so that no id is used twice and no log is overwritten.

    Ids of job folders without a record are not used again; trial folders without a record are renamed. Both are logged.
    Raises OutputError when there are folders of jobs but the database has never contained a job.
    """
    newest = max(_numbers(folder.jobs), default=0)
    last_id = _last_id(database)
    if newest and not last_id:
        raise OutputError(
            f"{folder.database}: contains no job, but {folder.jobs} contains files of jobs: the database was removed "
            "or emptied; restore it from a copy, or give another folder"
        )
    if newest > last_id:
        logger.warning("%s has no record of job %d and possibly others; their ids stay used", folder.database, newest)
        database.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'jobs'", (newest,))
    counts = database.execute("SELECT jobs.id, count(number) FROM jobs LEFT JOIN trials ON job = jobs.id GROUP BY 1")
    for job_id, known in counts.fetchall():
        _set_aside_trials(folder, job_id, known)


def damaged_jobs(database: sqlite3.Connection) -> dict[str, str]:
    """Return the jobs whose records cannot be read, as problem by job id. Each is logged."""
    damaged = {str(job_id): f"the record of {what} is damaged" for job_id, what in _damaged_records(database)}
    for job_id, problem in damaged.items():
        logger.warning("job %s cannot be served: %s in the database", job_id, problem)
    return damaged


def _damaged_records(database: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    for job_id, document in database.execute("SELECT id, document FROM jobs"):
        if not _is_record(document, "name"):
            yield job_id, "the job"
    expected: dict[int, int] = {}
    for job_id, number, document in database.execute("SELECT job, number, document FROM trials ORDER BY job, number"):
        expected[job_id] = expected.get(job_id, 0) + 1
        if number != expected[job_id] or not _is_record(document, "id"):
            yield job_id, f"trial {min(number, expected[job_id])}"


def _is_record(document: object, field: str) -> bool:
    try:
        value = json.loads(document) if isinstance(document, str) else None
    except ValueError:
        return False
    return isinstance(value, dict) and field in value


def _last_id(database: sqlite3.Connection) -> int:
    row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
    return 0 if row is None else int(row[0])


def _set_aside_trials(folder: ServiceFolder, job_id: int, known: int) -> None:
    trials = folder.job(str(job_id)) / "trials"
    for number in sorted(_numbers(trials)):
        if number > known:
            aside = trials / f"{number}.{time.time_ns()}.aside"
            (trials / str(number)).rename(aside)
            lost = f"trial {number} of job {job_id}"
            logger.warning("%s has no record of %s; its files were moved to %s", folder.database, lost, aside)


def _numbers(folder: Path) -> Iterator[int]:
    """Yield the names in a folder that are decimal numbers, as int; nothing when the folder cannot be read."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return
    yield from (int(name) for name in names if name.isascii() and name.isdecimal())
