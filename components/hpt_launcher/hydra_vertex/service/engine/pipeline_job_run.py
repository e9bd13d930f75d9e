"""Runs one pipeline job, or adopts one that an earlier service started, until it ends."""

from __future__ import annotations

import asyncio
from datetime import datetime

from hydra_vertex.job.pipeline_job import PipelineJob, PipelineState
from hydra_vertex.service.jobs import pipeline_job_state, run_state
from hydra_vertex.service.jobs.rows import StoredPipeline
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.trials.exit_status import ExitStatus, failure_reason, with_tail
from hydra_vertex.service.trials.log_end import log_tail
from hydra_vertex.service.trials.run import Ended, EndReason, NotStarted, Outcome
from hydra_vertex.service.trials.supervised_run import SupervisedRun

from .context import EngineContext
from .pipeline_order import NO_PROGRAM, TIMEOUT_S, PipelineFolder


class PipelineJobRun:
    """Runs one pipeline job until it ends, or until the service stops. A pipeline takes no slot of the trials."""

    def __init__(self, stored: StoredPipeline, context: EngineContext) -> None:
        self.id = stored.id
        self._job = stored.job
        self._adopted = stored.process
        self._context = context
        self._folder = PipelineFolder(context.folder.custom_job(stored.id))
        self._end_reason: EndReason | None = None
        self._turn = asyncio.Lock()
        spec = context.launches.of_pipeline(stored.id, self._folder)
        self._run = SupervisedRun(spec, self, context.retry, stored.process)

    @property
    def parallel_count(self) -> int:
        """The number of slots that the pipeline requests: its trials request their own."""
        return 0

    async def cancel(self) -> None:
        """Record the request to cancel the pipeline, and end its process. Raises UnwritableError."""
        async with self._turn:
            if not self._job.state.is_terminal:
                await self._put(run_state.request_cancel(self._job, now()), self._process)
        await self._end_as_cancelled()

    def shut_down(self) -> None:
        """End the pipeline's process; the next service on the folder runs the pipeline again."""
        self._end(EndReason.SHUTDOWN)

    async def run(self) -> None:
        """Run the pipeline to its end. Raises UnwritableError when the service stops before the end is recorded."""
        if self._job.state is PipelineState.CANCELLING:
            await self._end_as_cancelled()
        outcome = await self._run.run()
        await self._context.retry.until_done(self._conclude, outcome)

    async def before_start(self) -> None:
        """Write the order of the pipeline's program. Raises OSError."""
        if not self._context.launches.runs_pipelines:  # The earlier service on the folder had a program.
            raise OSError(NO_PROGRAM)
        await asyncio.to_thread(self._folder.write_order, self.id, self._job, self._context.folder)

    async def record_start(self, process: ProcessId | None, started: datetime | None = None) -> None:
        """Record that the pipeline runs in `process`. Raises UnwritableError."""
        async with self._turn:
            if self._end_reason is None:
                await self._put(run_state.begin(self._job, started or now()), process)

    async def look(self) -> None:
        """Record the states of the tasks when they have changed. Raises UnwritableError."""
        async with self._turn:
            found = self._with_reported_tasks()
            if found != self._job:
                await self._put(found, self._process)

    @property
    def _process(self) -> ProcessId | None:
        return self._run.process or self._adopted

    def _with_reported_tasks(self) -> PipelineJob:
        tasks = self._folder.read_tasks()
        if tasks is None or tasks == self._job.tasks:
            return self._job
        return pipeline_job_state.with_tasks(self._job, tasks, now())

    async def _end_as_cancelled(self) -> None:
        """End the process, which finds a file that says why."""
        try:
            await self._context.retry.until_done(self._mark_cancelled)
        finally:
            self._end(EndReason.CANCELLED)

    async def _mark_cancelled(self) -> None:
        self._folder.trial.path.mkdir(parents=True, exist_ok=True)
        self._folder.cancel.touch()

    def _end(self, why: EndReason) -> None:
        self._end_reason = self._end_reason or why
        self._run.end(why)

    async def _conclude(self, outcome: Outcome) -> None:
        tail = await asyncio.to_thread(log_tail, self._folder.trial)
        async with self._turn:
            await self._put(_concluded(self._with_reported_tasks(), outcome, tail), None)

    async def _put(self, job: PipelineJob, process: ProcessId | None) -> None:
        await self._context.store.save_pipeline(self.id, job, process)
        self._job = job


def _concluded(job: PipelineJob, outcome: Outcome, tail: str) -> PipelineJob:
    """Return the job in its terminal state, or PENDING when it must run again."""
    match outcome:
        case NotStarted(reason):
            return _failed(job, reason, tail)
        case Ended(_, EndReason.CANCELLED):
            return pipeline_job_state.cancelled(job, now())
        case Ended(ExitStatus() as exit_status, _) if exit_status.is_own_end:
            if exit_status.is_success:
                return pipeline_job_state.succeed(job, now())
            return _failed(job, failure_reason(exit_status, TIMEOUT_S), tail)
        case Ended():
            return run_state.postpone(job, now())


def _failed(job: PipelineJob, reason: str, tail: str) -> PipelineJob:
    return pipeline_job_state.fail(job, with_tail(f"The program that runs the pipeline {reason}", tail), now())
