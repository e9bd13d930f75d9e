"""Carries one job through: asks the study what may start, the optimiser with which parameters, and starts it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.service.devices.slots import Slot, Slots
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.jobs.job_record import JobRecord
from hydra_vertex.service.jobs.store import UnwritableError
from hydra_vertex.service.optimizer import Optimizer
from hydra_vertex.service.stopping import EarlyStop
from hydra_vertex.service.stopping.study_limits import limit_reached
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId, is_alive
from hydra_vertex.service.trials.launch_spec import LaunchSpec
from hydra_vertex.service.trials.trial_run import EndReason, TrialRun

LIMIT_CHECK_INTERVAL_S = 0.5

logger = logging.getLogger(__name__)


class TuningJobRun:
    """Works on one job until it ends, or until the service stops."""

    def __init__(
        self,
        record: JobRecord,
        optimizer: Optimizer,
        order: Callable[[Trial, Slot | None], LaunchSpec],
        processes: dict[str, ProcessId],
        slots: Slots,
        gpu_of: Callable[[str], str | None],
    ) -> None:
        self.record = record
        self._optimizer = optimizer
        self._order = order
        self._processes = processes
        self._slots = slots
        self._gpu_of = gpu_of
        self._slot_request: asyncio.Future[Slot] | None = None
        self._requeued: deque[str] = deque()
        self._trial_runs: dict[asyncio.Task[None], TrialRun] = {}
        self._halt: EndReason | None = EndReason.CANCELLED if tuning_job_state.is_cancelling(record.job) else None

    def cancel(self) -> None:
        """Record that the job is to be cancelled, and end its trials. Raises UnwritableError."""
        self.record.put(tuning_job_state.request_cancel(self.record.job, now()))
        self._end_trials(EndReason.CANCELLED)

    def shut_down(self) -> None:
        """End the job's trials; a service that is started later runs them again."""
        self._end_trials(EndReason.SHUTDOWN)

    async def run(self) -> None:
        """Bring the job to its end. Raises UnwritableError when the service stops while nothing can be written."""
        await self._put(lambda job: tuning_job_state.begin(job, now()))
        try:
            self._adopt_trials()
            while await self._step():
                pass
        except BaseException:
            await self._abandon()
            raise
        if tuning_job_state.is_over(self.record.job):
            await self._put(lambda job: tuning_job_state.finish(job, now()))

    async def _put(self, change: Callable[[HyperparameterTuningJob], HyperparameterTuningJob]) -> None:
        await self.record.write_retry.until_written(lambda: self.record.put(change(self.record.job)))

    async def _step(self) -> bool:
        """Start what may start and wait for the next end; False when nothing is left to wait for."""
        if tuning_job_state.failure(self.record.job) is not None:
            self._end_trials(EndReason.FAILED)
        await self._apply_study_limits()
        await self._fill()
        awaited: list[asyncio.Future[None] | asyncio.Future[Slot]] = [*self._trial_runs]
        if self._slot_request is not None:
            awaited.append(self._slot_request)
        if not awaited:
            return False
        # A limit may be a time, which no trial's end announces.
        timeout_s = None if self.record.job.study_spec.study_stopping is None else LIMIT_CHECK_INTERVAL_S
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED, timeout=timeout_s)
        for task in [task for task in self._trial_runs if task.done()]:
            del self._trial_runs[task]
            task.result()
        return True

    def _adopt_trials(self) -> None:
        """Trials that an earlier service has started keep their places; those that it has not wait for one."""
        for trial in tuning_job_state.live_trials(self.record.job):
            process = self._processes.get(trial.id)
            if process is None:
                self._requeued.append(trial.id)
            else:
                gpu = self._gpu_of(trial.id) if is_alive(process) else None
                self._attempt(trial.id, process, self._slots.take(self.record.id, gpu))

    async def _apply_study_limits(self) -> None:
        """Once a limit of the study is reached, give no more trials; end the running ones where that is asked for."""
        job = self.record.job
        reached = job.stopping_reason or limit_reached(job, now())
        if not reached:
            return
        if not job.stopping_reason:
            await self._put(lambda job: tuning_job_state.stop_giving_trials(job, reached, now()))
        limits = job.study_spec.study_stopping
        if limits is not None and limits.should_stop_asap:
            for attempt in self._trial_runs.values():
                attempt.stop(EarlyStop(f"the study was stopped ({reached})"))

    async def _fill(self) -> None:
        """Start what there is a place for; the place comes first, so that a suggestion knows all that is known then."""
        while self._halt is None and (self._requeued or tuning_job_state.room(self.record.job) > 0):
            slot = self._free_slot()
            if slot is None:
                return
            try:
                trial_id = self._requeued.popleft() if self._requeued else await self._next_trial()
            except BaseException:
                self._slots.release(slot)
                raise
            if trial_id is None:
                self._slots.release(slot)
            else:
                self._attempt(trial_id, None, slot)
        self._ask_no_more()
        while self._requeued:
            self._attempt(self._requeued.popleft(), None, None)

    def _free_slot(self) -> Slot | None:
        """A place, or else this job stands in line for one."""
        if self._slot_request is None:
            self._slot_request = self._slots.request(self.record.id)
        if not self._slot_request.done():
            return None
        slot, self._slot_request = self._slot_request.result(), None
        return slot

    def _ask_no_more(self) -> None:
        if self._slot_request is not None:
            self._slots.withdraw(self._slot_request)
            self._slot_request = None

    async def _next_trial(self) -> str | None:
        """The id of a new trial; None when no trial is to start any more."""
        history = self.record.job.trials
        parameters = await asyncio.to_thread(self._optimizer.suggest, len(history) + 1, history)
        async with self.record.turn():
            if self._halt is not None:
                return None
            trial = tuning_job_state.request(self.record.job, parameters)
            await self.record.write_retry.until_written(lambda: self.record.put_trial(trial))
        return trial.id

    def _attempt(self, trial_id: str, adopted: ProcessId | None, slot: Slot | None) -> None:
        """Begin with a trial; one without a place is only concluded."""
        attempt = TrialRun(self.record, trial_id, self._order(self.record.trial(trial_id), slot), adopted)
        if self._halt is not None:
            attempt.halt(self._halt)
        task = asyncio.create_task(attempt.run(), name=f"job {self.record.id} trial {trial_id}")
        self._trial_runs[task] = attempt
        if slot is not None:
            task.add_done_callback(lambda _: self._slots.release(slot))

    def _end_trials(self, why: EndReason) -> None:
        self._halt = self._halt or why
        self._ask_no_more()
        for attempt in self._trial_runs.values():
            attempt.halt(why)

    async def _abandon(self) -> None:
        """After an error of ours: end the trials without expecting that anything can be recorded."""
        self._end_trials(EndReason.SHUTDOWN)
        for result in await asyncio.gather(*self._trial_runs, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, (sqlite3.Error, UnwritableError)):
                logger.error("while abandoning job %s", self.record.id, exc_info=result)
