"""Runs one tuning job until it ends: decides which trials start, when and with which parameters."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from hydra_vertex.job import HyperparameterTuningJob, ParameterValue, Trial
from hydra_vertex.job.seed import seed_text
from hydra_vertex.service.devices.slots import Slot
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.jobs.database_errors import LostDatabaseError, UnwritableError
from hydra_vertex.service.jobs.job_record import JobRecord
from hydra_vertex.service.jobs.rows import StoredJob
from hydra_vertex.service.optimizer import optimizer_for
from hydra_vertex.service.stopping import EarlyStop
from hydra_vertex.service.stopping.study_limits import limit_reached
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId, is_alive
from hydra_vertex.service.trials.engines.contract import UnavailableError
from hydra_vertex.service.trials.engines.launch_record import is_launched
from hydra_vertex.service.trials.run import EndReason

from .context import EngineContext
from .earlier_studies import earlier_studies_of
from .trial_run import TrialRun

LIMIT_CHECK_INTERVAL_S = 0.5

logger = logging.getLogger(__name__)


class TuningJobRun:
    """Runs one tuning job until it ends, or until the service stops."""

    def __init__(self, stored: StoredJob, context: EngineContext) -> None:
        self.id = stored.id
        self._record = JobRecord(stored, context.store)
        self._context = context
        self._optimizer = optimizer_for(
            stored.job.study_spec,
            seed_text(stored.job.labels, stored.id),
            stored.job.max_trial_count,
            earlier_studies_of(context.folder, stored.job),
        )
        self._processes = stored.processes
        self._slot_request: asyncio.Future[Slot] | None = None
        self._requeued: deque[str] = deque()
        self._trial_runs: dict[asyncio.Task[None], TrialRun] = {}
        is_cancelling = tuning_job_state.is_cancelling(stored.job)
        self._end_reason: EndReason | None = EndReason.CANCELLED if is_cancelling else None

    @property
    def parallel_count(self) -> int:
        """The number of trials that the job requests to run at once."""
        return self._job.parallel_trial_count

    async def cancel(self) -> None:
        """Record the request to cancel the job, and end its trials. Raises UnwritableError."""
        await self._record.change(lambda job: tuning_job_state.request_cancel(job, now()))
        self._end_trials(EndReason.CANCELLED)

    async def stop_trial(self, trial_id: str, reason: str) -> bool:
        """Stop a trial early, as a stopping rule does. Return whether it is being stopped: it must be running."""
        for trial_run in tuple(self._trial_runs.values()):
            if trial_run.trial_id == trial_id:
                await trial_run.stop(EarlyStop(reason))
        return tuning_job_state.is_stopping(self._record.trial(trial_id))

    def shut_down(self) -> None:
        """End the job's trials; the next service on the folder runs them again."""
        self._end_trials(EndReason.SHUTDOWN)

    async def run(self) -> None:
        """Run the job to its end. Raises UnwritableError when the service stops while nothing can be written."""
        await self._put(lambda job: tuning_job_state.begin(job, now()))
        try:
            self._adopt_trials()
            while await self._step():
                pass
        except BaseException:
            await self._abandon()
            raise
        if tuning_job_state.is_over(self._job):
            await self._put(lambda job: tuning_job_state.finish(job, now()))

    @property
    def _job(self) -> HyperparameterTuningJob:
        return self._record.job

    async def _put(self, change: Callable[[HyperparameterTuningJob], HyperparameterTuningJob]) -> None:
        await self._context.retry.until_done(self._record.change, change)

    async def _step(self) -> bool:
        """Start trials, then wait for a trial's end or a free slot. Return False when there is nothing to wait for."""
        if tuning_job_state.failure(self._job) is not None:
            self._end_trials(EndReason.FAILED)
        await self._apply_study_limits()
        await self._fill()
        awaited: list[asyncio.Future[None] | asyncio.Future[Slot]] = [*self._trial_runs]
        if self._slot_request is not None:
            awaited.append(self._slot_request)
        if not awaited:
            return False
        # A limit may be a duration or a time, which passes without the end of a trial.
        timeout_s = None if self._job.study_spec.study_stopping is None else LIMIT_CHECK_INTERVAL_S
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED, timeout=timeout_s)
        for task in [task for task in self._trial_runs if task.done()]:
            del self._trial_runs[task]
            task.result()
        return True

    def _adopt_trials(self) -> None:
        """Give slots to the trials that an earlier service started; requeue the other live trials."""
        for trial in tuning_job_state.live_trials(self._job):
            process = self._processes.get(trial.id)
            folder = self._context.folder.trial(self.id, trial.id)
            if process is not None:
                gpu = folder.read_gpu() if is_alive(process) else None
                self._start_trial(trial.id, process, self._context.slots.take(self.id, gpu))
            elif is_launched(folder.launch_file):  # by an engine: it must be followed, whether or not a slot is free
                self._start_trial(trial.id, None, self._context.slots.take(self.id, folder.read_gpu()))
            else:
                self._requeued.append(trial.id)

    async def _apply_study_limits(self) -> None:
        """Once a limit of the study is reached, start no more trials; stop the running ones if `should_stop_asap`."""
        job = self._job
        reached = job.stopping_reason or limit_reached(job, now())
        if not reached:
            return
        if not job.stopping_reason:
            await self._put(lambda job: tuning_job_state.stop_giving_trials(job, reached, now()))
        limits = job.study_spec.study_stopping
        if limits is not None and limits.should_stop_asap:
            for trial_run in self._trial_runs.values():
                await trial_run.stop(EarlyStop(f"the study was stopped ({reached})"))

    async def _fill(self) -> None:
        """Start trials while slots are free.

        The slot is obtained before the suggestion is made, so that the suggestion uses the newest results. Once the
        job is being ended, requeued trials are started without a slot: they are only concluded.
        """
        while self._end_reason is None and (self._requeued or tuning_job_state.room(self._job) > 0):
            slot = self._free_slot()
            if slot is None:
                return
            try:
                trial_id = self._requeued.popleft() if self._requeued else await self._next_trial()
            except BaseException:
                self._context.slots.release(slot)
                raise
            if trial_id is None:
                self._context.slots.release(slot)
            else:
                self._start_trial(trial_id, None, slot)
        self._withdraw_slot_request()
        while self._requeued:
            self._start_trial(self._requeued.popleft(), None, None)

    def _free_slot(self) -> Slot | None:
        """Return a slot, or request one and return None until it is free."""
        if self._slot_request is None:
            self._slot_request = self._context.slots.request(self.id)
        if not self._slot_request.done():
            return None
        slot, self._slot_request = self._slot_request.result(), None
        return slot

    def _withdraw_slot_request(self) -> None:
        if self._slot_request is not None:
            self._context.slots.withdraw(self._slot_request)
            self._slot_request = None

    async def _next_trial(self) -> str | None:
        """Create a trial and return its id; None when the job was ended meanwhile."""
        history = self._job.trials
        retry = self._context.retry
        parameters = await retry.until_read(self._suggest, history)
        if self._end_reason is not None:
            return None
        trial = await retry.until_done(self._record.add_trial, lambda job: tuning_job_state.request(job, parameters))
        return trial.id

    async def _suggest(self, history: Sequence[Trial]) -> Mapping[str, ParameterValue]:
        return await asyncio.to_thread(self._optimizer.suggest, len(history) + 1, history)

    def _start_trial(self, trial_id: str, adopted: ProcessId | None, slot: Slot | None) -> None:
        """Start the task of a trial. A trial without a slot is only concluded."""
        spec = self._context.launches.of_trial(self.id, self._job, self._record.trial(trial_id), slot)
        trial_run = TrialRun(self._record, trial_id, spec, self._context.retry, adopted)
        if self._end_reason is not None:
            trial_run.end(self._end_reason)
        task = asyncio.create_task(trial_run.run(), name=f"job {self.id} trial {trial_id}")
        self._trial_runs[task] = trial_run
        if slot is not None:
            task.add_done_callback(lambda _: self._context.slots.release(slot))

    def _end_trials(self, why: EndReason) -> None:
        self._end_reason = self._end_reason or why
        self._withdraw_slot_request()
        for trial_run in self._trial_runs.values():
            trial_run.end(why)

    async def _abandon(self) -> None:
        """End the trials after an internal error. Errors of the database are expected then, and are not logged."""
        self._end_trials(EndReason.SHUTDOWN)
        for result in await asyncio.gather(*self._trial_runs, return_exceptions=True):
            if isinstance(result, UnavailableError):
                logger.warning("job %s: %s", self.id, result)
            elif isinstance(result, Exception) and not isinstance(result, (LostDatabaseError, UnwritableError)):
                logger.error("while abandoning job %s", self.id, exc_info=result)
