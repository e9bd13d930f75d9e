"""The jobs and trials of a service in SQLite. Each write is on the disk when it returns.

One row a job (its document without the trials), one row a trial (its document, and which process supervises it).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hydra_vertex.launcher.job import (
    HyperparameterTuningJob,
    JobState,
    Trial,
    dump_job,
    dump_trial,
    parse_job,
    parse_trial,
)
from hydra_vertex.trial.protocol import json
from hydra_vertex.trial.protocol.errors import OutputError
from hydra_vertex.trial.protocol.json import Json, JsonObject

from .processes import ProcessId

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, not even after a deletion
    parent TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE TABLE trials (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    document TEXT NOT NULL,
    pid INTEGER,
    start_ticks INTEGER,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as it was left, and which process supervises which of its trials (by trial id)."""

    id: str
    job: HyperparameterTuningJob
    processes: dict[str, ProcessId]


class Store:
    """The database of one service."""

    def __init__(self, path: Path) -> None:
        """Open the database, and make it when there is none. Raises OutputError."""
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            version = self._open()
        except sqlite3.Error as error:
            raise OutputError(f"{path}: cannot be used as the service's database ({error})") from error
        if version != SCHEMA_VERSION:
            raise OutputError(
                f"{path}: was written by another version of hydra-vertex (format {version}, this one has "
                f"{SCHEMA_VERSION}); give another folder"
            )

    def _open(self) -> int:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._db.execute(f"PRAGMA {pragma}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            return SCHEMA_VERSION
        return int(version)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def add_job(self, parent: str, accept: Callable[[str], HyperparameterTuningJob]) -> StoredJob:
        """Add the job that `accept` makes of its new id."""
        with self._transaction():
            cursor = self._db.execute("INSERT INTO jobs (parent, document) VALUES (?, '')", (parent,))
            job_id = str(cursor.lastrowid)
            job = accept(job_id)
            self._write_job(job_id, job)
        return StoredJob(job_id, job, {})

    def save(self, job_id: str, job: HyperparameterTuningJob) -> None:
        """Write what the job says of itself, not its trials."""
        self._write_job(job_id, job)

    def save_trial(self, job_id: str, job: HyperparameterTuningJob, trial: Trial, process: ProcessId | None) -> None:
        """Write one trial of the job, with the process that supervises it, and what the job says of itself."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO trials (job, number, document, pid, start_ticks) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (job, number) DO UPDATE SET "
                "document = excluded.document, pid = excluded.pid, start_ticks = excluded.start_ticks",
                (
                    int(job_id),
                    int(trial.id),
                    json.dumps(dump_trial(trial)),
                    process.pid if process else None,
                    process.start_ticks if process else None,
                ),
            )
            self._write_job(job_id, job)

    def delete(self, job_id: str) -> None:
        """Remove a job and its trials."""
        self._db.execute("DELETE FROM jobs WHERE id = ?", (int(job_id),))

    def text(self, parent: str, job_id: str) -> str | None:
        """The whole document of a job as JSON, put together without reading it; None when there is no such job."""
        row = self._db.execute("SELECT document FROM jobs WHERE CAST(id AS TEXT) = ? AND parent = ?", (job_id, parent))
        found = row.fetchone()
        return None if found is None else self._with_trials(int(job_id), found[0])

    def document(self, parent: str, job_id: str) -> JsonObject | None:
        """The whole document of a job; None when there is no such job."""
        text = self.text(parent, job_id)
        return None if text is None else _object(json.loads(text))

    def documents(self, parent: str, before: int | None) -> Iterator[tuple[int, JsonObject]]:
        """The jobs under a parent without their trials, newest first, with their ids; only older ones than `before`."""
        rows = self._db.execute(
            "SELECT id, document FROM jobs WHERE parent = ? AND (? IS NULL OR id < ?) ORDER BY id DESC",
            (parent, before, before),
        )
        for job_id, text in rows.fetchall():
            yield int(job_id), _object(json.loads(text))

    def unfinished(self) -> list[StoredJob]:
        """The jobs that are not in a terminal state, oldest first."""
        rows = self._db.execute("SELECT id, document FROM jobs ORDER BY id").fetchall()
        ids = [job_id for job_id, text in rows if not _state(_object(json.loads(text))).is_terminal]
        return [self._load(job_id) for job_id in ids]

    def _load(self, job_id: int) -> StoredJob:
        (text,) = self._db.execute("SELECT document FROM jobs WHERE id = ?", (job_id,)).fetchone()
        rows = self._db.execute(
            "SELECT document, pid, start_ticks FROM trials WHERE job = ? ORDER BY number", (job_id,)
        ).fetchall()
        trials = tuple(parse_trial(json.loads(document)) for document, _, _ in rows)
        processes = {
            trial.id: ProcessId(pid, ticks)
            for trial, (_, pid, ticks) in zip(trials, rows, strict=True)
            if pid is not None
        }
        return StoredJob(str(job_id), replace(parse_job(json.loads(text)), trials=trials), processes)

    def _with_trials(self, job_id: int, text: str) -> str:
        rows = self._db.execute("SELECT document FROM trials WHERE job = ? ORDER BY number", (job_id,))
        trials = ",".join(document for (document,) in rows)
        # A job's own text is an object with its name at least: there is something before the comma.
        return f'{text.removesuffix("}")},"trials":[{trials}]}}' if trials else text

    def _write_job(self, job_id: str, job: HyperparameterTuningJob) -> None:
        document = json.dumps(dump_job(replace(job, trials=())))
        self._db.execute("UPDATE jobs SET document = ? WHERE id = ?", (document, int(job_id)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _state(document: JsonObject) -> JobState:
    state = JobState.parse(document.get("state", JobState.UNSPECIFIED.value))
    assert isinstance(state, JobState)  # noqa: S101 - parse() is a classmethod of JobState
    return state


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"expected a JSON object in the database, got {value!r}")
    return value
