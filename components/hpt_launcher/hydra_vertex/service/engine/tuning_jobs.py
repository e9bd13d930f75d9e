"""The tuning jobs of one service: creates them, and resumes them after a restart."""

from __future__ import annotations

import asyncio

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.jobs.rows import StoredJob
from hydra_vertex.service.resource_names import JobKind, JobName
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.validation.without_effect import fields_without_effect

from .context import EngineContext
from .earlier_studies import require_earlier_studies
from .fields_log import log_without_effect
from .running_jobs import RunningJobs
from .tuning_job_run import TuningJobRun


class TuningJobs:
    """The tuning jobs of one folder. All methods must be called in one event loop."""

    def __init__(self, running: RunningJobs[TuningJobRun], context: EngineContext) -> None:
        self._running = running
        self._context = context

    def resume(self) -> None:
        """Resume every job that an earlier service left unfinished."""
        for stored in self._context.store.unfinished():
            self._start(stored)

    async def create(self, parent: str, job: HyperparameterTuningJob) -> str:
        """Record and start a validated job, and return its id.

        Raises Refusal when the output directory is invalid or its earlier studies are missing, UnwritableError when the
        job cannot be recorded.
        """
        require_earlier_studies(self._context.folder, job)
        self._context.folder.output_base("", job.trial_job_spec.base_output_uri)
        stored = await self._context.store.add_job(
            parent, lambda job_id: tuning_job_state.accept(job, str(JobName(parent, JobKind.TUNING, job_id)), now())
        )
        fields = fields_without_effect(job.trial_job_spec, "trialJobSpec", job.other)
        log_without_effect(stored.id, fields, self._context.launches.engine_name)
        self._start(stored)
        return stored.id

    def find(self, job_id: str) -> TuningJobRun | None:
        """Return the run of a job; None when the job has ended or does not exist."""
        return self._running.find(job_id)

    def shut_down(self) -> list[asyncio.Task[None]]:
        """End all jobs, so that the next service on the folder resumes them. Return the tasks to wait for."""
        return self._running.shut_down()

    def _start(self, stored: StoredJob) -> None:
        self._running.start(TuningJobRun(stored, self._context))
