"""The pipeline jobs of one service: creates them, and resumes them after a restart."""

from __future__ import annotations

import asyncio
import secrets

from hydra_vertex.job.pipeline_job import PipelineJob
from hydra_vertex.service.jobs import pipeline_job_state
from hydra_vertex.service.jobs.rows import StoredPipeline
from hydra_vertex.service.resource_names import JobKind, JobName
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.validation.pipeline_job import fields_of_pipeline_without_effect, validate_pipeline_id
from hydra_vertex.service.validation.pipeline_spec import object_at

from .context import EngineContext
from .fields_log import log_without_effect
from .pipeline_job_run import PipelineJobRun
from .pipeline_order import NO_PROGRAM, pipeline_root
from .running_jobs import RunningJobs


class PipelineJobs:
    """The pipeline jobs of one folder. All methods must be called in one event loop."""

    def __init__(self, running: RunningJobs[PipelineJobRun], context: EngineContext) -> None:
        self._running = running
        self._context = context

    def resume(self) -> None:
        """Run every pipeline that an earlier service left unfinished, and adopt those whose process still runs."""
        for stored in self._context.store.unfinished_pipelines():
            self._start(stored)

    async def create(self, parent: str, given_id: str, job: PipelineJob) -> JobName:
        """Record and start a validated pipeline, and return its name.

        Raises Refusal when the id or the root is invalid, when the id is in use, and when this service has no program
        that runs pipelines; UnwritableError when the pipeline cannot be recorded.
        """
        if not self._context.launches.runs_pipelines:
            raise Refusal(Status.UNIMPLEMENTED, f"pipelineJobs: {NO_PROGRAM}")
        validate_pipeline_id(given_id)
        pipeline_root(job, self._context.folder)
        name = JobName(parent, JobKind.PIPELINE, given_id or _new_id(job))
        stored = await self._context.store.add_pipeline(
            parent, name.id, lambda _: pipeline_job_state.accept(job, str(name), now())
        )
        if stored is None:
            raise Refusal(Status.ALREADY_EXISTS, f"{name} already exists; give another id")
        log_without_effect(stored.id, fields_of_pipeline_without_effect(job))
        self._start(stored)
        return name

    def find(self, number: str) -> PipelineJobRun | None:
        """Return the run of a pipeline; None when the pipeline has ended or does not exist."""
        return self._running.find(number)

    def shut_down(self) -> list[asyncio.Task[None]]:
        """End all pipelines, so that the next service on the folder runs them again. Return the tasks to wait for."""
        return self._running.shut_down()

    def _start(self, stored: StoredPipeline) -> None:
        self._running.start(PipelineJobRun(stored, self._context))


def _new_id(job: PipelineJob) -> str:
    """Return an id as Google's SDK makes one, from the pipeline's name, with random digits for the time."""
    name = str(object_at(job.spec, "pipelineInfo").get("name", ""))
    letters = "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in name.lower()).strip("-")
    return f"p-{letters[:100]}-{secrets.token_hex(7)}" if letters else f"p-{secrets.token_hex(7)}"
