"""All tuning jobs of one service: takes them on, and finds them again after a restart."""

from __future__ import annotations

import asyncio

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.jobs.rows import StoredJob
from hydra_vertex.service.resource_names import JobKind, JobName
from hydra_vertex.service.system.clock import now

from .context import EngineContext
from .running_jobs import RunningJobs
from .tuning_job_run import TuningJobRun


class TuningJobs:
    """The tuning jobs of one folder. Lives in one event loop."""

    def __init__(self, running: RunningJobs[TuningJobRun], context: EngineContext) -> None:
        self._running = running
        self._context = context

    def resume(self) -> None:
        """Go on with every job that an earlier service left unfinished."""
        for stored in self._context.store.unfinished():
            self._start(stored)

    async def create(self, parent: str, job: HyperparameterTuningJob) -> str:
        """Take on a validated job. It is recorded when this returns its id. Raises Refusal for an output folder."""
        self._context.folder.output_base("", job.trial_job_spec.base_output_uri)
        stored = await self._context.store.add_job(
            parent, lambda job_id: tuning_job_state.accept(job, str(JobName(parent, JobKind.TUNING, job_id)), now())
        )
        self._start(stored)
        return stored.id

    def find(self, job_id: str) -> TuningJobRun | None:
        """The work on a job; None when it has ended."""
        return self._running.find(job_id)

    def shut_down(self) -> list[asyncio.Task[None]]:
        """End all of them, so that a later service goes on with them; the tasks to be waited for."""
        return self._running.shut_down()

    def _start(self, stored: StoredJob) -> None:
        self._running.start(TuningJobRun(stored, self._context))
