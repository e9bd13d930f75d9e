"""All jobs of one service: takes them on, carries them through, and finds them again after a restart."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from functools import partial

from hydra_vertex.launcher.job import HyperparameterTuningJob, JobState, Trial
from hydra_vertex.trial.protocol.json import JsonObject

from . import study
from .driver import JobDriver
from .folder import ServiceFolder
from .optimizer import load_model, optimizer_for
from .order import TERMINATION_GRACE_S, Host, Order, order_for
from .record import JobRecord, now
from .runner import own_programs
from .status import Refusal, Status
from .store import Store, StoredJob
from .validation import validate

STOP_LIMIT_S = TERMINATION_GRACE_S + 10.0
COLLECTION = "hyperparameterTuningJobs"

logger = logging.getLogger(__name__)


class Engine:
    """The jobs of one folder. Lives in one event loop; every method raises Refusal for what it does not do."""

    def __init__(self, folder: ServiceFolder, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._host = Host(dict(os.environ), own_programs(), os.cpu_count() or 1)
        self._drivers: dict[str, JobDriver] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._broken: dict[str, str] = {}
        self._loading = asyncio.create_task(asyncio.to_thread(load_model))

    def resume(self) -> None:
        """Go on with every job that an earlier service left unfinished."""
        for stored in self._store.unfinished():
            self._drive(stored)

    async def stop(self) -> None:
        """End all trials, so that a later service runs them again, within STOP_LIMIT_S."""
        for driver in self._drivers.values():
            driver.shut_down()
        tasks = [self._loading, *self._tasks.values()]
        _, late = await asyncio.wait(tasks, timeout=STOP_LIMIT_S)
        for task in late:
            logger.warning("%s did not end within %g s", task.get_name(), STOP_LIMIT_S)
            task.cancel()

    def create(self, parent: str, job: HyperparameterTuningJob) -> JsonObject:
        """Take on a job. It is recorded when this returns."""
        validate(job)
        self._folder.output_base("", job.trial_job_spec.base_output_uri)
        stored = self._store.add_job(parent, lambda job_id: study.accept(job, f"{parent}/{COLLECTION}/{job_id}", now()))
        self._drive(stored)
        return self.get(parent, stored.id)

    def get(self, parent: str, job_id: str) -> JsonObject:
        """The document of a job, with all of its trials."""
        document = self._store.document(parent, job_id)
        if document is None:
            raise Refusal(Status.NOT_FOUND, f"{parent}/{COLLECTION}/{job_id} is not found")
        if job_id in self._broken:
            raise Refusal(Status.INTERNAL, f"{document.get('name')} cannot go on: {self._broken[job_id]}")
        return document

    def jobs(self, parent: str, before: int | None) -> Iterator[tuple[int, JsonObject]]:
        """The ids and documents of the jobs under a parent, newest first, without trials; only those before an id."""
        return self._store.documents(parent, before)

    def cancel(self, parent: str, job_id: str) -> None:
        """End a job before its time. Nothing happens when that is under way already."""
        state = self._state(parent, job_id)
        if state in {JobState.CANCELLING, JobState.CANCELLED}:
            return
        driver = self._drivers.get(job_id)
        if driver is None or state.is_terminal:
            raise Refusal(Status.FAILED_PRECONDITION, f"{parent}/{COLLECTION}/{job_id} has ended ({state.value})")
        driver.cancel()

    def delete(self, parent: str, job_id: str) -> None:
        """Forget a job that has ended. The files of its trials stay."""
        state = self._state(parent, job_id)
        if not state.is_terminal:
            raise Refusal(
                Status.FAILED_PRECONDITION,
                f"{parent}/{COLLECTION}/{job_id} is {state.value}; cancel it, and delete it when it has ended",
            )
        self._store.delete(job_id)

    def _state(self, parent: str, job_id: str) -> JobState:
        state = JobState.parse(self.get(parent, job_id).get("state"))
        assert isinstance(state, JobState)  # noqa: S101 - parse() is a classmethod of JobState
        return state

    def _drive(self, stored: StoredJob) -> None:
        job = stored.job
        optimizer = optimizer_for(job.study_spec, stored.id, job.max_trial_count)
        record = JobRecord(stored, self._store)
        driver = JobDriver(record, optimizer, partial(self._order, record), stored.processes)
        self._drivers[stored.id] = driver
        self._tasks[stored.id] = asyncio.create_task(self._carry_through(stored.id, driver), name=f"job {stored.id}")

    async def _carry_through(self, job_id: str, driver: JobDriver) -> None:
        try:
            await driver.run()
        except Exception as error:
            logger.exception("job %s cannot go on", job_id)
            self._broken[job_id] = f"{type(error).__name__}: {error}"
        finally:
            del self._drivers[job_id], self._tasks[job_id]

    def _order(self, record: JobRecord, trial: Trial) -> Order:
        job = record.job
        base = self._folder.output_base(record.id, job.trial_job_spec.base_output_uri)
        return order_for(job, trial, self._folder.trial(record.id, trial.id), base, self._host)
