"""What is checked of a database before a service works with it: its pages, its records, and the folders beside it."""

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
    """Raises OutputError when SQLite finds the file damaged."""
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        problem = " ".join(str(verdict).split())
        raise OutputError(f"{path}: is damaged ({problem}); restore it from a copy, or give another folder")


def check_folders(database: sqlite3.Connection, folder: ServiceFolder) -> None:
    """Compare the folders of jobs with the records, so that no id is given twice and no log is overwritten.

    Jobs of which the database has no record keep their ids; folders of trials without a record are set aside. Both are
    logged. Raises OutputError when there are folders of jobs and the database has never held one.
    """
    newest = max(_numbers(folder.jobs), default=0)
    given = _last_id(database)
    if newest and not given:
        raise OutputError(
            f"{folder.database}: holds no job, but {folder.jobs} has the files of jobs: the database was removed or "
            "emptied; restore it from a copy, or give another folder"
        )
    if newest > given:
        logger.warning("%s has no record of job %d and perhaps others; their ids stay taken", folder.database, newest)
        database.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'jobs'", (newest,))
    counts = database.execute("SELECT jobs.id, count(number) FROM jobs LEFT JOIN trials ON job = jobs.id GROUP BY 1")
    for job_id, known in counts.fetchall():
        _set_aside_trials(folder, job_id, known)


def damaged_jobs(database: sqlite3.Connection) -> dict[str, str]:
    """The jobs whose records cannot be read, by id, with what is wrong; each is logged."""
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
    except (ValueError, RecursionError):
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
            logger.warning("%s has no record of %s; its files are in %s", folder.database, lost, aside)


def _numbers(folder: Path) -> Iterator[int]:
    """The names in a folder that are ids; none when there is no such folder."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return
    yield from (int(name) for name in names if name.isascii() and name.isdecimal())
