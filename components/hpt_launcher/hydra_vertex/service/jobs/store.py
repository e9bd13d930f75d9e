"""The jobs and trials of a service in SQLite. Each write is on the disk when it was awaited.

One row a job of either kind (its document without the trials), one row a trial; which process supervises it stands with
a trial and with a custom job. Writes wait for the disk, so they run one after another in a thread of their own; reads
have a connection of their own.
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
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.resource_names import JobKind
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.system.watched_file import WatchedFile

from . import rows
from .database_errors import LostDatabaseError, UnwritableError, explained, unusable_database
from .integrity import check_folders, check_pages, damaged_jobs
from .rows import StoredCustomJob, StoredJob
from .schema import open_database, open_reader, read_secret

T = TypeVar("T")
READ_LIMIT_S = 0.25
"""How long a read waits for another program's lock: the service answers nobody else meanwhile."""


class Store:
    """The database of one service. Lives in one event loop.

    Whatever reads or writes raises UnwritableError when that is impossible at the moment, and LostDatabaseError when it
    will stay so.
    """

    def __init__(self, folder: ServiceFolder) -> None:
        """Open the database, check it, and make it when there is none. Raises OutputError.

        `damaged` has the jobs whose records cannot be read, by id, with what is wrong.
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
        """Close the database when the writes that are under way have ended."""
        self._writer.shutdown()
        self._reader.close()
        self._db.close()

    def check_in_place(self) -> None:
        """Raises LostDatabaseError when the files at the database's paths are not those that are open."""
        for file in self._files:
            try:
                problem = file.problem()
            except OSError as error:
                raise UnwritableError(self._path, sqlite3.OperationalError(error.strerror)) from error
            if problem:
                raise LostDatabaseError(self._path, problem)

    async def add_job(self, parent: str, accept: Callable[[str], HyperparameterTuningJob]) -> StoredJob:
        """Add the tuning job that `accept` makes of its new id."""

        def add(db: sqlite3.Connection) -> StoredJob:
            job_id = rows.insert_job(db, parent, JobKind.TUNING)
            job = accept(job_id)
            rows.write_job(db, job_id, job)
            return StoredJob(job_id, job, {})

        return await self._write(add)

    async def add_custom_job(self, parent: str, accept: Callable[[str], CustomJob]) -> StoredCustomJob:
        """Add the custom job that `accept` makes of its new id."""

        def add(db: sqlite3.Connection) -> StoredCustomJob:
            job_id = rows.insert_job(db, parent, JobKind.CUSTOM)
            job = accept(job_id)
            rows.write_custom_job(db, job_id, job, None)
            return StoredCustomJob(job_id, job, None)

        return await self._write(add)

    async def save(self, job_id: str, job: HyperparameterTuningJob) -> None:
        """Write what the job says of itself, not its trials."""
        await self._write(lambda db: rows.write_job(db, job_id, job))

    async def save_trial(
        self, job_id: str, job: HyperparameterTuningJob, trial: Trial, process: ProcessId | None
    ) -> None:
        """Write one trial of the job, with the process that supervises it, and what the job says of itself."""

        def save(db: sqlite3.Connection) -> None:
            rows.write_trial(db, job_id, trial, process)
            rows.write_job(db, job_id, job)

        await self._write(save)

    async def save_custom_job(self, job_id: str, job: CustomJob, process: ProcessId | None) -> None:
        """Write a custom job, with the process that supervises it."""
        await self._write(lambda db: rows.write_custom_job(db, job_id, job, process))

    async def delete(self, job_id: str) -> None:
        """Remove a job and its trials."""
        await self._write(lambda db: rows.delete_job(db, job_id))

    def was_deleted(self, job_id: int) -> bool:
        """Whether a job had this id and is gone."""
        with self._reading() as db:
            return rows.was_deleted(db, job_id)

    def state(self, parent: str, kind: JobKind, job_id: str) -> JobState | None:
        """The state of a job; None when there is no such job."""
        with self._reading() as db:
            return rows.job_state(db, parent, kind, job_id)

    def text(self, parent: str, kind: JobKind, job_id: str) -> str | None:
        """The whole document of a job as JSON, put together without reading it; None when there is no such job."""
        with self._reading() as db:
            return rows.job_text(db, parent, kind, job_id)

    def document(self, parent: str, kind: JobKind, job_id: str) -> JsonObject | None:
        """The whole document of a job; None when there is no such job."""
        text = self.text(parent, kind, job_id)
        return None if text is None else rows.object_in(text)

    def trial(self, parent: str, job_id: str, trial_id: str) -> tuple[HyperparameterTuningJob, Trial] | None:
        """One trial and its job without trials; None when there is no such trial."""
        with self._reading() as db:
            return rows.find_trial(db, parent, job_id, trial_id)

    def documents(self, parent: str, kind: JobKind, before: int | None) -> Iterator[tuple[int, JsonObject]]:
        """The jobs of a kind under a parent without their trials, newest first, with their ids.

        Only those older than `before`, where that is given.
        """
        with self._reading() as db:
            yield from rows.documents(db, parent, kind, before)

    def latest_update(self) -> datetime | None:
        """When a job was changed last; None when there is no job."""
        with self._reading() as db:
            return rows.latest_update(db)

    def unfinished(self) -> list[StoredJob]:
        """The tuning jobs that are not in a terminal state, oldest first, without damaged ones."""
        with self._reading() as db:
            return [rows.load_job(db, job_id) for job_id in self._unfinished_ids(db, JobKind.TUNING)]

    def unfinished_custom_jobs(self) -> list[StoredCustomJob]:
        """The custom jobs that are not in a terminal state, oldest first, without damaged ones."""
        with self._reading() as db:
            return [rows.load_custom_job(db, job_id) for job_id in self._unfinished_ids(db, JobKind.CUSTOM)]

    def _unfinished_ids(self, db: sqlite3.Connection, kind: JobKind) -> list[int]:
        return [job_id for job_id in rows.unfinished_ids(db, kind) if str(job_id) not in self.damaged]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self.check_in_place()
        try:
            yield self._reader
        except sqlite3.Error as error:
            raise explained(self._path, error) from error

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
            raise explained(self._path, error) from error
        except BaseException:
            self._roll_back()
            raise
        return result

    def _roll_back(self) -> None:
        # After some errors SQLite has done that by itself.
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
