"""Stores the jobs and trials of a service in SQLite. A write is on the disk once it has been awaited.

There is one row per job of any kind (its document without the trials) and one row per trial; the rows of trials, custom
jobs and pipeline jobs also contain the supervisor process. Writes wait for the disk, so they run one after another in a
thread of their own; reads use a separate connection.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from hydra_vertex.job import CustomJob, HyperparameterTuningJob, JobState, Trial
from hydra_vertex.job.pipeline_job import PipelineJob, PipelineState
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.resource_names import JobKind
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.system.watched_file import WatchedFile

from . import rows
from .database_errors import LostDatabaseError, UnwritableError, database_error, unusable_database
from .integrity import check_folders, check_pages, damaged_jobs
from .job_counts import JobCounts, with_counts
from .rows import StoredCustomJob, StoredJob, StoredPipeline
from .schema import open_database, open_reader, read_secret

T = TypeVar("T")
READ_LIMIT_S = 0.25
"""How long a read waits for another program's lock: the service answers no other request meanwhile."""


class Store:
    """The database of one service. All methods must be called in one event loop.

    Every method that reads or writes raises UnwritableError when that is impossible at the moment, and
    LostDatabaseError when the database is lost.
    """

    def __init__(self, folder: ServiceFolder) -> None:
        """Open the database and check it, or create it when there is none. Raises OutputError.

        The attribute `damaged` contains the jobs whose records cannot be read, as problem by job id.
        """
        self._path = folder.database
        self._db = open_database(self._path)
        try:
            check_pages(self._db, self._path)
            check_folders(self._db, folder)
            self.damaged = damaged_jobs(self._db)
            self.secret = read_secret(self._db)
            self._reader = open_reader(self._path, READ_LIMIT_S)
        except sqlite3.Error as error:
            self._db.close()
            raise unusable_database(self._path, error) from error
        except BaseException:
            self._db.close()
            raise
        self._files = [WatchedFile(self._path), WatchedFile(self._path.with_name(f"{self._path.name}-wal"))]
        self.check_in_place()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database")

    def close(self) -> None:
        """Close the database after the pending writes."""
        self._writer.shutdown()
        self._reader.close()
        self._db.close()

    def check_in_place(self) -> None:
        """Check that the files at the database's paths are the open ones.

        Raises LostDatabaseError when they are not, UnwritableError when that cannot be determined at the moment.
        """
        for file in self._files:
            try:
                problem = file.problem()
            except OSError as error:
                raise UnwritableError(self._path, sqlite3.OperationalError(error.strerror)) from error
            if problem:
                raise LostDatabaseError(self._path, problem)

    def set_counts(self, counts: JobCounts, now: datetime) -> None:
        """Change the trial counts of all tuning jobs, before a service resumes them."""

        def change(db: sqlite3.Connection) -> None:
            for job_id in rows.job_ids(db, JobKind.TUNING):
                if str(job_id) not in self.damaged:
                    stored = rows.load_job(db, job_id)
                    rows.rewrite_job(db, stored, with_counts(stored.job, counts, now))

        self._transaction(change)

    async def add_job(self, parent: str, accept: Callable[[str], HyperparameterTuningJob]) -> StoredJob:
        """Add the tuning job that `accept` returns for its new id."""

        def add(db: sqlite3.Connection) -> StoredJob:
            job_id = rows.insert_job(db, parent, JobKind.TUNING)
            job = accept(job_id)
            rows.write_job(db, job_id, job)
            return StoredJob(job_id, job, {})

        return await self._write(add)

    async def add_custom_job(self, parent: str, accept: Callable[[str], CustomJob]) -> StoredCustomJob:
        """Add the custom job that `accept` returns for its new id."""

        def add(db: sqlite3.Connection) -> StoredCustomJob:
            job_id = rows.insert_job(db, parent, JobKind.CUSTOM)
            job = accept(job_id)
            rows.write_custom_job(db, job_id, job, None)
            return StoredCustomJob(job_id, job, None)

        return await self._write(add)

    async def add_pipeline(
        self, parent: str, given_id: str, accept: Callable[[str], PipelineJob]
    ) -> StoredPipeline | None:
        """Add the pipeline job that `accept` returns for its new number. Return None when its id is in use."""

        def add(db: sqlite3.Connection) -> StoredPipeline | None:
            number = rows.insert_pipeline(db, parent, given_id)
            if number is None:
                return None
            job = accept(number)
            rows.write_pipeline(db, number, job, None)
            return StoredPipeline(number, job, None)

        return await self._write(add)

    async def save(self, job_id: str, job: HyperparameterTuningJob) -> None:
        """Write the document of the job without its trials."""
        await self._write(lambda db: rows.write_job(db, job_id, job))

    async def save_trial(
        self, job_id: str, job: HyperparameterTuningJob, trial: Trial, process: ProcessId | None
    ) -> None:
        """Write one trial of the job with its supervisor process, and the document of the job without its trials."""

        def save(db: sqlite3.Connection) -> None:
            rows.write_trial(db, job_id, trial, process)
            rows.write_job(db, job_id, job)

        await self._write(save)

    async def save_custom_job(self, job_id: str, job: CustomJob, process: ProcessId | None) -> None:
        """Write a custom job, with its supervisor process."""
        await self._write(lambda db: rows.write_custom_job(db, job_id, job, process))

    async def save_pipeline(self, number: str, job: PipelineJob, process: ProcessId | None) -> None:
        """Write a pipeline job, with its supervisor process."""
        await self._write(lambda db: rows.write_pipeline(db, number, job, process))

    def number_of(self, parent: str, kind: JobKind, job_id: str) -> str | None:
        """Return the number of a job, which is its id unless its creator gave one; None when there is no such job."""
        with self._reading() as db:
            return rows.number_of(db, parent, kind, job_id)

    async def delete(self, job_id: str) -> None:
        """Delete a job and its trials."""
        await self._write(lambda db: rows.delete_job(db, job_id))

    def was_deleted(self, job_id: int) -> bool:
        """Whether a job had this id and was deleted."""
        with self._reading() as db:
            return rows.was_deleted(db, job_id)

    def state(self, parent: str, kind: JobKind, job_id: str) -> JobState | PipelineState | None:
        """Return the state of a job; None when there is no such job."""
        with self._reading() as db:
            return rows.job_state(db, parent, kind, job_id)

    def text(self, parent: str, kind: JobKind, job_id: str) -> str | None:
        """Return the complete document of a job as JSON text; None when there is no such job."""
        with self._reading() as db:
            return rows.job_text(db, parent, kind, job_id)

    def document(self, parent: str, kind: JobKind, job_id: str) -> JsonObject | None:
        """Return the complete document of a job; None when there is no such job."""
        text = self.text(parent, kind, job_id)
        return None if text is None else rows.object_in(text)

    def trial(self, parent: str, job_id: str, trial_id: str) -> tuple[HyperparameterTuningJob, Trial] | None:
        """Return a trial's job, without trials, and the trial; None when there is no such trial."""
        with self._reading() as db:
            return rows.find_trial(db, parent, job_id, trial_id)

    def documents(self, parent: str, kind: JobKind, before: int | None) -> Iterator[tuple[int, JsonObject]]:
        """Yield the ids and documents, without trials, of the jobs of a kind under a parent, newest first.

        Only jobs with an id less than `before`, unless it is None.
        """
        with self._reading() as db:
            yield from rows.documents(db, parent, kind, before)

    def latest_update(self) -> datetime | None:
        """Return the latest update time of all jobs; None when there is no job."""
        with self._reading() as db:
            return rows.latest_update(db)

    def unfinished(self) -> list[StoredJob]:
        """Return the tuning jobs that are not in a terminal state, oldest first, without damaged jobs."""
        with self._reading() as db:
            return [rows.load_job(db, job_id) for job_id in self._unfinished_ids(db, JobKind.TUNING)]

    def unfinished_custom_jobs(self) -> list[StoredCustomJob]:
        """Return the custom jobs that are not in a terminal state, oldest first, without damaged jobs."""
        with self._reading() as db:
            return [rows.load_custom_job(db, job_id) for job_id in self._unfinished_ids(db, JobKind.CUSTOM)]

    def unfinished_pipelines(self) -> list[StoredPipeline]:
        """Return the pipeline jobs that are not in a terminal state, oldest first, without damaged jobs."""
        with self._reading() as db:
            return [rows.load_pipeline(db, number) for number in self._unfinished_ids(db, JobKind.PIPELINE)]

    def _unfinished_ids(self, db: sqlite3.Connection, kind: JobKind) -> list[int]:
        return [job_id for job_id in rows.unfinished_ids(db, kind) if str(job_id) not in self.damaged]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self.check_in_place()
        try:
            yield self._reader
        except sqlite3.Error as error:
            raise database_error(self._path, error) from error

    async def _write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._transaction, change)

    def _transaction(self, change: Callable[[sqlite3.Connection], T]) -> T:
        self.check_in_place()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            result = change(self._db)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise database_error(self._path, error) from error
        except BaseException:
            self._roll_back()
            raise
        return result

    def _roll_back(self) -> None:
        # After some errors SQLite has rolled back already.
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
