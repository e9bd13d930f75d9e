"""The engine: creates, reads, cancels and deletes the jobs of one service, and resumes them after a restart."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from hydra_vertex.job import CustomJob, HyperparameterTuningJob, JobState, dump_custom_job
from hydra_vertex.job.pipeline_job import PipelineJob, PipelineState
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.private_files import APP_UMASK, app_umask
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE
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
from hydra_vertex.service.trials.engines.contract import WorkerEngine
from hydra_vertex.service.trials.engines.options import SETTINGS_VARIABLE
from hydra_vertex.service.trials.launch import own_programs
from hydra_vertex.service.trials.launch_spec import TERMINATION_GRACE_S, Host, parameter_arguments

from .context import EngineContext
from .custom_job_run import CustomJobRun
from .custom_jobs import CustomJobs
from .engine_leftovers import remove_leftovers
from .launches import Launches, service_id
from .parallelism import Parallelism
from .pipeline_job_run import PipelineJobRun
from .pipeline_jobs import PipelineJobs
from .running_jobs import RunningJobs
from .tuning_job_run import TuningJobRun
from .tuning_jobs import TuningJobs

STOP_LIMIT_S = TERMINATION_GRACE_S + 10.0
_OWN_VARIABLES = {TOKEN_VARIABLE, TOKEN_FILE_VARIABLE, APP_UMASK, SETTINGS_VARIABLE}
"""Variables of the service that trials do not get."""

CANCELLED_STATES = {
    *(JobState.CANCELLING, JobState.CANCELLED),
    *(PipelineState.CANCELLING, PipelineState.CANCELLED),
}

logger = logging.getLogger(__name__)


class Engine:
    """The jobs of one folder. All methods must be called in one event loop; they raise Refusal for a wrong request."""

    def __init__(
        self,
        folder: ServiceFolder,
        store: Store,
        capacity: Capacity,
        pipeline_program: tuple[str, ...] = (),
        engine: WorkerEngine | None = None,
    ) -> None:
        """`pipeline_program` is the command that runs a pipeline job (`pipeline_order`); empty refuses them.

        `engine` runs the trials and custom jobs; None for this machine.
        """
        become_subreaper()
        environ = {name: value for name, value in os.environ.items() if name not in _OWN_VARIABLES}
        umask = app_umask(os.environ)
        host = Host(environ, own_programs(), usable_cpus(), capacity.options, original_file_limit()[0], umask)
        slots = Slots(capacity)
        parallelism = Parallelism(slots)
        launches = Launches(folder, host, parallelism, store.secret, pipeline_program, engine)
        context = EngineContext(folder, store, slots, launches, WriteRetry())
        self._store = store
        self._context = context
        self._worker_engine = engine
        self._service_id = service_id(store.secret)
        self._removing: asyncio.Task[None] | None = None
        self._retry = context.retry
        self._broken = dict(store.damaged)
        tuning: RunningJobs[TuningJobRun] = RunningJobs("job", parallelism, self._broken)
        custom: RunningJobs[CustomJobRun] = RunningJobs("custom job", parallelism, self._broken)
        self.tuning_jobs = TuningJobs(tuning, context)
        pipelines: RunningJobs[PipelineJobRun] = RunningJobs("pipeline job", parallelism, self._broken)
        self.custom_jobs = CustomJobs(custom, context)
        self.pipeline_jobs = PipelineJobs(pipelines, context)

    def resume(self) -> None:
        """Resume every job that an earlier service left unfinished."""
        if (latest := self._store.latest_update()) is not None:
            not_before(latest)
        if self._worker_engine is not None:
            removal = remove_leftovers(self._worker_engine, self._context, self._service_id)
            self._removing = asyncio.create_task(removal, name="removal of leftovers")
        self.tuning_jobs.resume()
        self.custom_jobs.resume()
        self.pipeline_jobs.resume()

    async def stop(self) -> None:
        """End all jobs within STOP_LIMIT_S; the next service on the folder runs them again."""
        self._retry.end()
        if self._removing is not None:
            self._removing.cancel()
        tasks = [*self.pipeline_jobs.shut_down(), *self.tuning_jobs.shut_down(), *self.custom_jobs.shut_down()]
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

    async def create_pipeline_job(self, parent: str, given_id: str, job: PipelineJob) -> JsonObject:
        """Record and start a pipeline job with an id that its creator gives, or with a new one. Return its document."""
        return self.get(await self.pipeline_jobs.create(parent, given_id, job))

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

    def trials_folder(self, name: JobName) -> Path:
        """Return the folder of a tuning job's trials. Raises Refusal when there is no such job."""
        self._state(name)
        return self._context.folder.trials(name.id)

    def _refuse_broken(self, name: JobName) -> None:
        if (number := self._number(name)) in self._broken:
            raise Refusal(Status.INTERNAL, f"{name} cannot continue: {self._broken[number]}")

    def _number(self, name: JobName) -> str:
        """Return the number of a job, under which its run is found: the id in its name, except for pipeline jobs."""
        if name.kind is not JobKind.PIPELINE:
            return name.id
        return self._store.number_of(name.parent, name.kind, name.id) or ""

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
        if state in CANCELLED_STATES:
            return
        self._refuse_trials(name, "cancel")
        number = self._number(name)
        run = self.tuning_jobs.find(number) or self.custom_jobs.find(number) or self.pipeline_jobs.find(number)
        if run is None or state.is_terminal:
            raise Refusal(Status.FAILED_PRECONDITION, f"{name} has ended ({state.value})")
        await run.cancel()

    async def stop_trial(self, name: JobName, trial_id: str) -> None:
        """Stop a running trial of a tuning job early. Raises Refusal (`TuningJobs.stop_trial`)."""
        self._refuse_broken(name)
        await self.tuning_jobs.stop_trial(name, trial_id)

    async def delete(self, name: JobName) -> str:
        """Delete the record of a job that has ended, and return its number. The files of its trials are kept.

        Raises Refusal when the job does not exist, has not ended or is a trial's CustomJob.
        """
        state = self._state(name)
        self._refuse_trials(name, "delete")
        if not state.is_terminal:
            raise Refusal(
                Status.FAILED_PRECONDITION,
                f"{name} is {state.value}; cancel it first, and delete it when it has ended",
            )
        number = self._number(name)
        await self._store.delete(number)
        return number

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

    def _state(self, name: JobName) -> JobState | PipelineState:
        self._refuse_broken(name)
        if (own := self._store.state(name.parent, name.kind, name.id)) is not None:
            return own
        state = JobState.parse(self.get(name).get("state"))
        assert isinstance(state, JobState)  # noqa: S101 - parse() is a classmethod of JobState
        return state
