"""Runs one custom job, or adopts one that an earlier service started, until it ends."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from hydra_vertex.job import CustomJob, JobError, JobState
from hydra_vertex.service.devices.slots import Slot
from hydra_vertex.service.jobs import custom_job_state, run_state
from hydra_vertex.service.jobs.rows import StoredCustomJob
from hydra_vertex.service.status import Status
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.trials.engines.launch_record import is_launched
from hydra_vertex.service.trials.exit_status import ExitStatus, failure_reason, with_tail
from hydra_vertex.service.trials.launch_spec import DEFAULT_TIMEOUT_S
from hydra_vertex.service.trials.log_end import log_tail
from hydra_vertex.service.trials.run import Ended, EndReason, NotStarted, Outcome, Run

from .context import EngineContext
from .start_run import start_run


class CustomJobRun:
    """Runs one custom job until it ends, or until the service stops."""

    def __init__(self, stored: StoredCustomJob, context: EngineContext) -> None:
        self.id = stored.id
        self._job = stored.job
        self._adopted = stored.process
        self._context = context
        self._folder = context.folder.custom_job(stored.id)
        self._run: Run | None = None
        self._end_reason: EndReason | None = None
        self._ended = asyncio.Event()
        self._turn = asyncio.Lock()
        if stored.job.state is JobState.CANCELLING:
            self.end(EndReason.CANCELLED)

    @property
    def parallel_count(self) -> int:
        """The number of slots that the job requests at once."""
        return 1

    async def cancel(self) -> None:
        """Record the request to cancel the job, and end its process. Raises UnwritableError."""
        process = self._run.process if self._run is not None else self._adopted
        async with self._turn:
            if not self._job.state.is_terminal:
                await self._put(run_state.request_cancel(self._job, now()), process)
        self.end(EndReason.CANCELLED)

    def shut_down(self) -> None:
        """End the job's process; the next service on the folder runs the job again."""
        self.end(EndReason.SHUTDOWN)

    def end(self, why: EndReason) -> None:
        """End the job's process early. The reason of the first call is kept."""
        self._end_reason = self._end_reason or why
        self._ended.set()
        if self._run is not None:
            self._run.end(why)

    async def run(self) -> None:
        """Run the job to its end. Raises UnwritableError when the service stops before the end can be recorded."""
        slot = await self._wait_for_slot()
        try:
            await self._run_on(slot)
        finally:
            if slot is not None:
                self._context.slots.release(slot)

    async def before_start(self) -> None:
        """Do nothing: no files of an earlier start need to be read."""

    async def record_start(self, process: ProcessId | None, started: datetime | None = None) -> None:
        """Record that the job runs: in `process`, or in an engine since `started`. Raises UnwritableError."""
        async with self._turn:
            if self._end_reason is None:
                await self._put(run_state.begin(self._job, started or now()), process)

    async def look(self) -> None:
        """Do nothing: a custom job reports no measurements."""

    async def _wait_for_slot(self) -> Slot | None:
        """Wait for a slot; None when the job is ended first. An adopted job takes its slot at once."""
        if self._adopted is not None or is_launched(self._folder.launch_file):
            return self._context.slots.take(self.id, self._folder.read_gpu())
        requested = self._context.slots.request(self.id)
        ended = asyncio.create_task(self._ended.wait())
        awaited: list[asyncio.Future[Any]] = [requested, ended]  # Any: the two futures have different result types
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if self._end_reason is None:
            return requested.result()
        self._context.slots.withdraw(requested)
        return None

    async def _run_on(self, slot: Slot | None) -> None:
        order = self._context.launches.of_custom_job(self.id, self._job, slot)
        start = self._job.start_time
        running_s = 0.0 if start is None or self._adopted is None else max(0.0, (now() - start).total_seconds())
        self._run = start_run(order, self, self._context.retry, self._adopted, running_s)
        if self._end_reason is not None:
            self._run.end(self._end_reason)
        outcome = await self._run.run()
        await self._context.retry.until_done(self._conclude, outcome)

    async def _conclude(self, outcome: Outcome) -> None:
        tail = await asyncio.to_thread(log_tail, self._folder)
        async with self._turn:
            await self._put(_concluded(self._job, outcome, tail), None)

    async def _put(self, job: CustomJob, process: ProcessId | None) -> None:
        await self._context.store.save_custom_job(self.id, job, process)
        self._job = job


def _concluded(job: CustomJob, outcome: Outcome, log_tail: str) -> CustomJob:
    """Return the job in its terminal state, or PENDING when it must run again."""
    match outcome:
        case NotStarted(reason):
            return _failed(job, reason, log_tail)
        case Ended(_, EndReason.CANCELLED):
            return custom_job_state.finish(job, JobState.CANCELLED, custom_job_state.CANCELED, now())
        case Ended(ExitStatus() as exit_status, _) if exit_status.is_own_end:
            return _ended(job, exit_status, log_tail)
        case Ended():
            return run_state.postpone(job, now())


def _ended(job: CustomJob, exit_status: ExitStatus, log_tail: str) -> CustomJob:
    if exit_status.is_success:
        return custom_job_state.finish(job, JobState.SUCCEEDED, None, now())
    return _failed(job, failure_reason(exit_status, job.spec.timeout_s or DEFAULT_TIMEOUT_S), log_tail)


def _failed(job: CustomJob, reason: str, log_tail: str) -> CustomJob:
    # Vertex AI reports any exit code but 0 as INVALID_ARGUMENT, an error of the job's own program.
    error = JobError(Status.INVALID_ARGUMENT.rpc_code, with_tail(reason, log_tail))
    return custom_job_state.finish(job, JobState.FAILED, error, now())
