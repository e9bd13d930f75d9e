"""All jobs of one service: takes them on, carries them through, and finds them again after a restart."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from functools import partial

from hydra_vertex.job import CustomJob, HyperparameterTuningJob, JobState, Trial, dump_custom_job
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.access import TOKEN_VARIABLE
from hydra_vertex.service.api.google_messages import load as load_messages
from hydra_vertex.service.devices.capacity import Capacity
from hydra_vertex.service.devices.cpus import usable_cpus
from hydra_vertex.service.devices.slots import Slot, Slots
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.jobs.custom_job_state import custom_job_of
from hydra_vertex.service.jobs.job_record import JobRecord
from hydra_vertex.service.jobs.store import Store, StoredJob, UnwritableError
from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.optimizer import load_model, optimizer_for
from hydra_vertex.service.resource_names import JobKind, JobName, trial_of_custom_job
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.system.clock import not_before, now
from hydra_vertex.service.trials.launch import own_programs
from hydra_vertex.service.trials.launch_spec import (
    TERMINATION_GRACE_S,
    Host,
    LaunchSpec,
    Share,
    launch_spec_for,
    parameter_arguments,
)
from hydra_vertex.service.validation.jobs import validate

from .custom_jobs import CustomJobs
from .tuning_job_run import TuningJobRun

STOP_LIMIT_S = TERMINATION_GRACE_S + 10.0

logger = logging.getLogger(__name__)


class Engine:
    """The jobs of one folder. Lives in one event loop; every method raises Refusal for what it does not do."""

    def __init__(self, folder: ServiceFolder, store: Store, capacity: Capacity) -> None:
        self._folder = folder
        self._store = store
        environ = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        self._host = Host(environ, own_programs(), usable_cpus(), capacity.options)
        self._slots = Slots(capacity)
        self._turns = asyncio.Lock()
        self._write_retry = WriteRetry()
        self._drivers: dict[str, TuningJobRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._broken: dict[str, str] = {}
        self._custom_jobs = CustomJobs(
            folder, store, self._host, self._slots, self._trials_at_once, self._write_retry, self._broken
        )
        self._loading = asyncio.create_task(asyncio.to_thread(_load_libraries))

    def resume(self) -> None:
        """Go on with every job that an earlier service left unfinished."""
        if (latest := self._store.latest_update()) is not None:
            not_before(latest)
        for stored in self._store.unfinished():
            self._drive(stored)
        self._custom_jobs.resume()

    async def stop(self) -> None:
        """End all trials, so that a later service runs them again, within STOP_LIMIT_S."""
        self._write_retry.end()
        for driver in self._drivers.values():
            driver.shut_down()
        tasks = [self._loading, *self._tasks.values(), *self._custom_jobs.shut_down()]
        _, late = await asyncio.wait(tasks, timeout=STOP_LIMIT_S)
        for task in late:
            logger.warning("%s did not end within %g s", task.get_name(), STOP_LIMIT_S)
            task.cancel()

    def create(self, parent: str, job: HyperparameterTuningJob) -> JsonObject:
        """Take on a tuning job. It is recorded when this returns."""
        validate(job)
        self._folder.output_base("", job.trial_job_spec.base_output_uri)
        stored = self._store.add_job(
            parent, lambda job_id: tuning_job_state.accept(job, str(JobName(parent, JobKind.TUNING, job_id)), now())
        )
        self._drive(stored)
        return self.get(JobName(parent, JobKind.TUNING, stored.id))

    def create_custom_job(self, parent: str, job: CustomJob) -> JsonObject:
        """Take on a custom job. It is recorded when this returns."""
        return self.get(JobName(parent, JobKind.CUSTOM, self._custom_jobs.create(parent, job)))

    def get(self, name: JobName) -> JsonObject:
        """The document of a job, with all of its trials."""
        document = self._store.document(name.parent, name.kind, name.id) or self._trials_custom_job(name)
        self._refuse_unusable(name, is_there=document is not None)
        return document or {}

    def text(self, name: JobName) -> str:
        """The document of a job as JSON: ten times quicker than `get` where there are many trials."""
        text = self._store.text(name.parent, name.kind, name.id)
        if text is None:
            return json.dumps(self.get(name))
        self._refuse_unusable(name, is_there=True)
        return text

    def _refuse_unusable(self, name: JobName, *, is_there: bool) -> None:
        if not is_there:
            raise Refusal(Status.NOT_FOUND, f"{name} is not found")
        if name.id in self._broken:
            raise Refusal(Status.INTERNAL, f"{name} cannot go on: {self._broken[name.id]}")

    def jobs(self, parent: str, kind: JobKind, before: int | None) -> Iterator[tuple[int, JsonObject]]:
        """The ids and documents of the jobs under a parent, newest first, without trials; only those before an id."""
        return self._store.documents(parent, kind, before)

    def cancel(self, name: JobName) -> None:
        """End a job before its time. Nothing happens when that is under way already."""
        state = self._state(name)
        if state in {JobState.CANCELLING, JobState.CANCELLED}:
            return
        self._refuse_trials(name, "cancel")
        driver = self._drivers.get(name.id) or self._custom_jobs.find(name.id)
        if driver is None or state.is_terminal:
            raise Refusal(Status.FAILED_PRECONDITION, f"{name} has ended ({state.value})")
        driver.cancel()

    def delete(self, name: JobName) -> None:
        """Forget a job that has ended. The files of its trials stay."""
        state = self._state(name)
        self._refuse_trials(name, "delete")
        if not state.is_terminal:
            raise Refusal(
                Status.FAILED_PRECONDITION,
                f"{name} is {state.value}; cancel it, and delete it when it has ended",
            )
        self._store.delete(name.id)

    def was_deleted(self, job_id: int) -> bool:
        """Whether a job had this id and is gone."""
        return self._store.was_deleted(job_id)

    def _trials_custom_job(self, name: JobName) -> JsonObject | None:
        """The CustomJob that a trial is."""
        ids = trial_of_custom_job(name.id) if name.kind is JobKind.CUSTOM else None
        found = self._store.trial(name.parent, *ids) if ids else None
        if found is None:
            return None
        job, trial = found
        return dump_custom_job(custom_job_of(job, trial, parameter_arguments(job, trial)))

    def _refuse_trials(self, name: JobName, verb: str) -> None:
        if name.kind is JobKind.CUSTOM and (ids := trial_of_custom_job(name.id)):
            tuning_job = JobName(name.parent, JobKind.TUNING, ids[0])
            raise Refusal(Status.FAILED_PRECONDITION, f"{name} is a trial of {tuning_job}; {verb} that one")

    def _state(self, name: JobName) -> JobState:
        state = JobState.parse(self.get(name).get("state"))
        assert isinstance(state, JobState)  # noqa: S101 - parse() is a classmethod of JobState
        return state

    def _drive(self, stored: StoredJob) -> None:
        job = stored.job
        optimizer = optimizer_for(job.study_spec, stored.id, job.max_trial_count)
        record = JobRecord(stored, self._store, self._turns, self._write_retry)
        order, gpu_of = partial(self._order, record), partial(self._gpu_of, stored.id)
        driver = TuningJobRun(record, optimizer, order, stored.processes, self._slots, gpu_of)
        self._drivers[stored.id] = driver
        self._tasks[stored.id] = asyncio.create_task(self._carry_through(stored.id, driver), name=f"job {stored.id}")

    async def _carry_through(self, job_id: str, driver: TuningJobRun) -> None:
        try:
            await driver.run()
        except UnwritableError as error:
            logger.warning("job %s is left as it was recorded last: %s", job_id, error)
        except Exception as error:
            logger.exception("job %s cannot go on", job_id)
            self._broken[job_id] = f"{type(error).__name__}: {error}"
        finally:
            del self._drivers[job_id], self._tasks[job_id]

    def _gpu_of(self, job_id: str, trial_id: str) -> str | None:
        return self._folder.trial(job_id, trial_id).read_gpu()

    def _order(self, record: JobRecord, trial: Trial, slot: Slot | None) -> LaunchSpec:
        job = record.job
        base = self._folder.output_base(record.id, job.trial_job_spec.base_output_uri)
        share = Share(slot.gpu if slot else None, self._trials_at_once())
        return launch_spec_for(job, trial, self._folder.trial(record.id, trial.id), base, self._host, share)

    def _trials_at_once(self) -> int:
        """How many trials and custom jobs there may be at once now: what is asked for, within the places."""
        asked = self._custom_jobs.count + sum(d.record.job.parallel_trial_count for d in self._drivers.values())
        at_once = self._slots.capacity.at_once
        return max(1, asked if at_once is None else min(asked, at_once))


def _load_libraries() -> None:
    """What the first requests and the first suggestion would otherwise wait for."""
    load_messages()
    load_model()
