"""The engine: creates, reads, cancels and deletes the jobs of one service, and resumes them after a restart."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator

from hydra_vertex.job import CustomJob, HyperparameterTuningJob, JobState, dump_custom_job
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.access import TOKEN_VARIABLE
from hydra_vertex.service.devices.capacity import Capacity
from hydra_vertex.service.devices.cpus import usable_cpus
from hydra_vertex.service.devices.slots import Slots
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.jobs.custom_job_state import custom_job_of
from hydra_vertex.service.jobs.store import Store
from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.resource_names import JobKind, JobName, trial_of_custom_job
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.system.clock import not_before
from hydra_vertex.service.system.leftovers import become_subreaper
from hydra_vertex.service.system.open_files import original_file_limit
from hydra_vertex.service.trials.launch import own_programs
from hydra_vertex.service.trials.launch_spec import TERMINATION_GRACE_S, Host, parameter_arguments

from .context import EngineContext
from .custom_job_run import CustomJobRun
from .custom_jobs import CustomJobs
from .launches import Launches
from .parallelism import Parallelism
from .running_jobs import RunningJobs
from .tuning_job_run import TuningJobRun
from .tuning_jobs import TuningJobs

STOP_LIMIT_S = TERMINATION_GRACE_S + 10.0

logger = logging.getLogger(__name__)


class Engine:
    """The jobs of one folder. All methods must be called in one event loop; they raise Refusal for a wrong request."""

    def __init__(self, folder: ServiceFolder, store: Store, capacity: Capacity) -> None:
        become_subreaper()
        environ = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        host = Host(environ, own_programs(), usable_cpus(), capacity.options, original_file_limit()[0])
        slots = Slots(capacity)
        parallelism = Parallelism(slots)
        launches = Launches(folder, host, parallelism, store.secret)
        context = EngineContext(folder, store, slots, launches, WriteRetry())
        self._store = store
        self._retry = context.retry
        self._broken = dict(store.damaged)
        tuning: RunningJobs[TuningJobRun] = RunningJobs("job", parallelism, self._broken)
        custom: RunningJobs[CustomJobRun] = RunningJobs("custom job", parallelism, self._broken)
        self.tuning_jobs = TuningJobs(tuning, context)
        self.custom_jobs = CustomJobs(custom, context)

    def resume(self) -> None:
        """Resume every job that an earlier service left unfinished."""
        if (latest := self._store.latest_update()) is not None:
            not_before(latest)
        self.tuning_jobs.resume()
        self.custom_jobs.resume()

    async def stop(self) -> None:
        """End all trials and custom jobs within STOP_LIMIT_S; the next service on the folder runs them again."""
        self._retry.end()
        tasks = [*self.tuning_jobs.shut_down(), *self.custom_jobs.shut_down()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=STOP_LIMIT_S)
        for task in late:
            logger.warning("%s did not end within %g s", task.get_name(), STOP_LIMIT_S)
            task.cancel()

    async def create(self, parent: str, job: HyperparameterTuningJob) -> JsonObject:
        """Record and start a tuning job. Return its document."""
        return self.get(JobName(parent, JobKind.TUNING, await self.tuning_jobs.create(parent, job)))

    async def create_custom_job(self, parent: str, job: CustomJob) -> JsonObject:
        """Record and start a custom job. Return its document."""
        return self.get(JobName(parent, JobKind.CUSTOM, await self.custom_jobs.create(parent, job)))

    def get(self, name: JobName) -> JsonObject:
        """Return the document of a job with all of its trials. Raises Refusal when there is none or it is damaged."""
        self._refuse_broken(name)
        document = self._store.document(name.parent, name.kind, name.id) or self._trials_custom_job(name)
        if document is None:
            raise Refusal(Status.NOT_FOUND, f"{name} is not found")
        return document

    def text(self, name: JobName) -> str:
        """Return the document of a job as JSON text: ten times faster than `get` for a job with many trials."""
        self._refuse_broken(name)
        return self._store.text(name.parent, name.kind, name.id) or json.dumps(self.get(name))

    def _refuse_broken(self, name: JobName) -> None:
        if name.id in self._broken:
            raise Refusal(Status.INTERNAL, f"{name} cannot continue: {self._broken[name.id]}")

    def jobs(self, parent: str, kind: JobKind, before: int | None) -> Iterator[tuple[int, JsonObject]]:
        """Yield the ids and documents, without trials, of the jobs under a parent, newest first.

        Only jobs with an id less than `before`, unless it is None.
        """
        return self._store.documents(parent, kind, before)

    async def cancel(self, name: JobName) -> None:
        """Cancel a job; do nothing when it is already being cancelled or was cancelled.

        Raises Refusal when the job does not exist, has ended or is a trial's CustomJob.
        """
        state = self._state(name)
        if state in {JobState.CANCELLING, JobState.CANCELLED}:
            return
        self._refuse_trials(name, "cancel")
        run = self.tuning_jobs.find(name.id) or self.custom_jobs.find(name.id)
        if run is None or state.is_terminal:
            raise Refusal(Status.FAILED_PRECONDITION, f"{name} has ended ({state.value})")
        await run.cancel()

    async def delete(self, name: JobName) -> None:
        """Delete the record of a job that has ended. The files of its trials are kept.

        Raises Refusal when the job does not exist, has not ended or is a trial's CustomJob.
        """
        state = self._state(name)
        self._refuse_trials(name, "delete")
        if not state.is_terminal:
            raise Refusal(
                Status.FAILED_PRECONDITION,
                f"{name} is {state.value}; cancel it first, and delete it when it has ended",
            )
        await self._store.delete(name.id)

    def was_deleted(self, job_id: int) -> bool:
        """Whether a job had this id and was deleted."""
        return self._store.was_deleted(job_id)

    def _trials_custom_job(self, name: JobName) -> JsonObject | None:
        """Return the CustomJob that represents a trial; None when `name` is not that of a trial's CustomJob."""
        ids = trial_of_custom_job(name.id) if name.kind is JobKind.CUSTOM else None
        found = self._store.trial(name.parent, *ids) if ids else None
        if found is None:
            return None
        job, trial = found
        return dump_custom_job(custom_job_of(job, trial, parameter_arguments(job, trial)))

    def _refuse_trials(self, name: JobName, verb: str) -> None:
        if name.kind is JobKind.CUSTOM and (ids := trial_of_custom_job(name.id)):
            tuning_job = JobName(name.parent, JobKind.TUNING, ids[0])
            raise Refusal(Status.FAILED_PRECONDITION, f"{name} is a trial of {tuning_job}; {verb} that job")

    def _state(self, name: JobName) -> JobState:
        self._refuse_broken(name)
        if (own := self._store.state(name.parent, name.kind, name.id)) is not None:
            return own
        state = JobState.parse(self.get(name).get("state"))
        assert isinstance(state, JobState)  # noqa: S101 - parse() is a classmethod of JobState
        return state
