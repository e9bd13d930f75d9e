"""Carries one job through: asks the study what may start, the optimiser with which parameters, and starts it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from hydra_vertex.launcher.job import Trial

from . import study
from .attempt import Attempt, Halt
from .optimizer import Optimizer
from .order import Order
from .processes import ProcessId
from .record import JobRecord, now
from .stopping import Stop
from .stopping.study_limits import limit_reached

LIMIT_CHECK_INTERVAL_S = 0.5

logger = logging.getLogger(__name__)


class JobDriver:
    """Works on one job until it ends, or until the service stops."""

    def __init__(
        self,
        record: JobRecord,
        optimizer: Optimizer,
        order: Callable[[Trial], Order],
        processes: dict[str, ProcessId],
    ) -> None:
        self.record = record
        self._optimizer = optimizer
        self._order = order
        self._processes = processes
        self._attempts: dict[asyncio.Task[None], Attempt] = {}
        self._halt: Halt | None = Halt.CANCELLED if study.is_cancelling(record.job) else None

    def cancel(self) -> None:
        """Record that the job is to be cancelled, and end its trials."""
        self.record.put(study.request_cancel(self.record.job, now()))
        self._end_trials(Halt.CANCELLED)

    def shut_down(self) -> None:
        """End the job's trials; a service that is started later runs them again."""
        self._end_trials(Halt.SHUTDOWN)

    async def run(self) -> None:
        """Bring the job to its end. Raises sqlite3.Error when its state cannot be recorded."""
        self.record.put(study.begin(self.record.job, now()))
        try:
            for trial in study.live_trials(self.record.job):
                self._attempt(trial.id, self._processes.get(trial.id))
            while await self._step():
                pass
        except BaseException:
            await self._abandon()
            raise
        if study.is_over(self.record.job):
            self.record.put(study.finish(self.record.job, now()))

    async def _step(self) -> bool:
        """Start what may start and wait for the next end; False when nothing is left to wait for."""
        if study.failure(self.record.job) is not None:
            self._end_trials(Halt.FAILED)
        self._heed_limits()
        await self._fill()
        if not self._attempts:
            return False
        # A limit may be a time, which no trial's end announces.
        timeout_s = None if self.record.job.study_spec.study_stopping is None else LIMIT_CHECK_INTERVAL_S
        done, _ = await asyncio.wait(self._attempts, return_when=asyncio.FIRST_COMPLETED, timeout=timeout_s)
        for task in done:
            del self._attempts[task]
            task.result()
        return True

    def _heed_limits(self) -> None:
        """Once a limit of the study is reached, give no more trials; end the running ones where that is asked for."""
        job = self.record.job
        reached = job.stopping_reason or limit_reached(job, now())
        if not reached:
            return
        if not job.stopping_reason:
            self.record.put(study.stop_giving_trials(job, reached, now()))
        limits = job.study_spec.study_stopping
        if limits is not None and limits.should_stop_asap:
            for attempt in self._attempts.values():
                attempt.stop(Stop(f"the study was stopped ({reached})"))

    async def _fill(self) -> None:
        while self._halt is None and study.room(self.record.job) > 0:
            history = self.record.job.trials
            parameters = await asyncio.to_thread(self._optimizer.suggest, len(history) + 1, history)
            if self._halt is None:
                trial = study.request(self.record.job, parameters)
                self.record.put_trial(trial)
                self._attempt(trial.id, None)

    def _attempt(self, trial_id: str, adopted: ProcessId | None) -> None:
        attempt = Attempt(self.record, trial_id, self._order(self.record.trial(trial_id)), adopted)
        if self._halt is not None:
            attempt.halt(self._halt)
        task = asyncio.create_task(attempt.run(), name=f"job {self.record.id} trial {trial_id}")
        self._attempts[task] = attempt

    def _end_trials(self, why: Halt) -> None:
        self._halt = self._halt or why
        for attempt in self._attempts.values():
            attempt.halt(why)

    async def _abandon(self) -> None:
        """After an error of ours: end the trials without expecting that anything can be recorded."""
        self._end_trials(Halt.SHUTDOWN)
        for result in await asyncio.gather(*self._attempts, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, sqlite3.Error):
                logger.error("while abandoning job %s", self.record.id, exc_info=result)
