"""The custom jobs of one service: creates them, and resumes them after a restart."""

from __future__ import annotations

import asyncio

from hydra_vertex.job import CustomJob
from hydra_vertex.service.jobs import run_state
from hydra_vertex.service.jobs.rows import StoredCustomJob
from hydra_vertex.service.resource_names import JobKind, JobName
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.validation.job_spec import OUTPUT_DIRECTORY
from hydra_vertex.service.validation.without_effect import fields_without_effect

from .context import EngineContext
from .custom_job_run import CustomJobRun
from .fields_log import log_without_effect
from .running_jobs import RunningJobs


class CustomJobs:
    """The custom jobs of one folder. All methods must be called in one event loop."""

    def __init__(self, running: RunningJobs[CustomJobRun], context: EngineContext) -> None:
        self._running = running
        self._context = context

    def resume(self) -> None:
        """Resume every job that an earlier service left unfinished."""
        for stored in self._context.store.unfinished_custom_jobs():
            self._start(stored)

    async def create(self, parent: str, job: CustomJob) -> str:
        """Record and start a validated job, and return its id.

        Raises Refusal when the output directory is invalid, UnwritableError when the job cannot be recorded.
        """
        self._context.folder.output_base("", job.spec.base_output_uri, f"jobSpec.{OUTPUT_DIRECTORY}")
        stored = await self._context.store.add_custom_job(
            parent, lambda job_id: run_state.accept(job, str(JobName(parent, JobKind.CUSTOM, job_id)), now())
        )
        fields = fields_without_effect(job.spec, "jobSpec", job.other)
        log_without_effect(stored.id, fields, self._context.launches.engine_name)
        self._start(stored)
        return stored.id

    def find(self, job_id: str) -> CustomJobRun | None:
        """Return the run of a job; None when the job has ended or does not exist."""
        return self._running.find(job_id)

    def shut_down(self) -> list[asyncio.Task[None]]:
        """End all jobs, so that the next service on the folder resumes them. Return the tasks to wait for."""
        return self._running.shut_down()

    def _start(self, stored: StoredCustomJob) -> None:
        self._running.start(CustomJobRun(stored, self._context))
