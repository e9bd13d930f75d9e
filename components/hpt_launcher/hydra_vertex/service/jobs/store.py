"""The jobs and trials of a service in SQLite. Each write is on the disk when it returns.

One row a job of either kind (its document without the trials), one row a trial; which process supervises it stands with
a trial and with a custom job.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from hydra_vertex.job import (
    CustomJob,
    HyperparameterTuningJob,
    JobState,
    Trial,
    dump_custom_job,
    dump_job,
    dump_trial,
    parse_custom_job,
    parse_job,
    parse_trial,
)
from hydra_vertex.job.fields import parse_time
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.resource_names import JobKind
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.system.process_identity import ProcessId

from .schema import open_database


class UnwritableError(Refusal):
    """The database takes nothing at the moment: its disk is full or broken, or another program has locked it.

    UNAVAILABLE is what Google's clients ask again after (https://google.aip.dev/194).
    """

    def __init__(self, path: Path, cause: sqlite3.OperationalError) -> None:
        super().__init__(
            Status.UNAVAILABLE, f"{path} cannot be written ({cause}); free space on its disk, or end what else uses it"
        )


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as it was left, and which process supervises which of its trials (by trial id)."""

    id: str
    job: HyperparameterTuningJob
    processes: dict[str, ProcessId]


@dataclass(frozen=True, slots=True)
class StoredCustomJob:
    """A custom job as it was left, and which process supervises it."""

    id: str
    job: CustomJob
    process: ProcessId | None


class Store:
    """The database of one service. Whatever writes raises UnwritableError when that is impossible at the moment."""

    def __init__(self, path: Path) -> None:
        """Open the database, and make it when there is none. Raises OutputError."""
        self._path = path
        self._db = open_database(path)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def add_job(self, parent: str, accept: Callable[[str], HyperparameterTuningJob]) -> StoredJob:
        """Add the tuning job that `accept` makes of its new id."""
        with self._transaction():
            job_id = self._new_id(parent, JobKind.TUNING)
            job = accept(job_id)
            self._write_job(job_id, job)
        return StoredJob(job_id, job, {})

    def add_custom_job(self, parent: str, accept: Callable[[str], CustomJob]) -> StoredCustomJob:
        """Add the custom job that `accept` makes of its new id."""
        with self._transaction():
            job_id = self._new_id(parent, JobKind.CUSTOM)
            job = accept(job_id)
            self._write_custom_job(job_id, job, None)
        return StoredCustomJob(job_id, job, None)

    def _new_id(self, parent: str, kind: JobKind) -> str:
        row = self._db.execute("INSERT INTO jobs (parent, document, kind) VALUES (?, '', ?)", (parent, kind.value))
        return str(row.lastrowid)

    def save(self, job_id: str, job: HyperparameterTuningJob) -> None:
        """Write what the job says of itself, not its trials."""
        with self._transaction():
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

    def save_custom_job(self, job_id: str, job: CustomJob, process: ProcessId | None) -> None:
        """Write a custom job, with the process that supervises it."""
        with self._transaction():
            self._write_custom_job(job_id, job, process)

    def _write_custom_job(self, job_id: str, job: CustomJob, process: ProcessId | None) -> None:
        pid, ticks = (process.pid, process.start_ticks) if process else (None, None)
        self._db.execute(
            "UPDATE jobs SET document = ?, pid = ?, start_ticks = ? WHERE id = ?",
            (json.dumps(dump_custom_job(job)), pid, ticks, int(job_id)),
        )

    def delete(self, job_id: str) -> None:
        """Remove a job and its trials."""
        with self._transaction():
            self._db.execute("DELETE FROM jobs WHERE id = ?", (int(job_id),))

    def was_deleted(self, job_id: int) -> bool:
        """Whether a job had this id and is gone."""
        row = self._db.execute(
            "SELECT seq >= ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?) FROM sqlite_sequence WHERE name = 'jobs'",
            (job_id, job_id),
        ).fetchone()
        return row is not None and bool(row[0])

    def text(self, parent: str, kind: JobKind, job_id: str) -> str | None:
        """The whole document of a job as JSON, put together without reading it; None when there is no such job."""
        found = self._db.execute(
            "SELECT document FROM jobs WHERE CAST(id AS TEXT) = ? AND parent = ? AND kind = ?",
            (job_id, parent, kind.value),
        ).fetchone()
        return None if found is None else self._with_trials(int(job_id), found[0])

    def document(self, parent: str, kind: JobKind, job_id: str) -> JsonObject | None:
        """The whole document of a job; None when there is no such job."""
        text = self.text(parent, kind, job_id)
        return None if text is None else _object(json.loads(text))

    def trial(self, parent: str, job_id: str, trial_id: str) -> tuple[HyperparameterTuningJob, Trial] | None:
        """One trial and its job without trials; None when there is no such trial."""
        found = self._db.execute(
            "SELECT jobs.document, trials.document FROM jobs JOIN trials ON trials.job = jobs.id "
            "WHERE jobs.id = ? AND jobs.parent = ? AND trials.number = ?",
            (int(job_id), parent, int(trial_id)),
        ).fetchone()
        return None if found is None else (parse_job(json.loads(found[0])), parse_trial(json.loads(found[1])))

    def documents(self, parent: str, kind: JobKind, before: int | None) -> Iterator[tuple[int, JsonObject]]:
        """The jobs of a kind under a parent without their trials, newest first, with their ids.

        Only those older than `before`, where that is given.
        """
        rows = self._db.execute(
            "SELECT id, document FROM jobs WHERE parent = ? AND kind = ? AND (? IS NULL OR id < ?) ORDER BY id DESC",
            (parent, kind.value, before, before),
        )
        for job_id, text in rows.fetchall():
            yield int(job_id), _object(json.loads(text))

    def latest_update(self) -> datetime | None:
        """When a job was changed last; None when there is no job."""
        rows = self._db.execute("SELECT document FROM jobs").fetchall()
        times = [str(_object(json.loads(text)).get("updateTime", "")) for (text,) in rows]
        return max((parse_time(time, "updateTime") for time in times if time), default=None)

    def unfinished(self) -> list[StoredJob]:
        """The tuning jobs that are not in a terminal state, oldest first."""
        return [self._load(job_id) for job_id in self._unfinished_ids(JobKind.TUNING)]

    def unfinished_custom_jobs(self) -> list[StoredCustomJob]:
        """The custom jobs that are not in a terminal state, oldest first."""
        return [self._load_custom_job(job_id) for job_id in self._unfinished_ids(JobKind.CUSTOM)]

    def _unfinished_ids(self, kind: JobKind) -> list[int]:
        rows = self._db.execute("SELECT id, document FROM jobs WHERE kind = ? ORDER BY id", (kind.value,)).fetchall()
        return [job_id for job_id, text in rows if not _state(_object(json.loads(text))).is_terminal]

    def _load_custom_job(self, job_id: int) -> StoredCustomJob:
        text, pid, ticks = self._db.execute(
            "SELECT document, pid, start_ticks FROM jobs WHERE id = ?", (job_id,)
        ).fetchone()
        process = None if pid is None else ProcessId(pid, ticks)
        return StoredCustomJob(str(job_id), parse_custom_job(json.loads(text)), process)

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
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._roll_back()
            raise UnwritableError(self._path, error) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        # After some errors SQLite has done that by itself.
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _state(document: JsonObject) -> JobState:
    state = JobState.parse(document.get("state", JobState.UNSPECIFIED.value))
    assert isinstance(state, JobState)  # noqa: S101 - parse() is a classmethod of JobState
    return state


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"expected a JSON object in the database, got {value!r}")
    return value
