"""Runs one trial, from its start or adoption to its final state, and records what it reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from hydra_vertex.job import Trial, TrialState
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.jobs.job_record import JobRecord
from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.machines.sampler import Sampler
from hydra_vertex.service.measurements.metric_file import MetricReport, read_reports
from hydra_vertex.service.stopping import EarlyStop, decide
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.trials.launch_spec import timeout_s
from hydra_vertex.service.trials.log_end import log_tail
from hydra_vertex.service.trials.run import EndReason

from .conclusion import Evidence, concluded, with_reports
from .start_run import Order, start_run

Change: TypeAlias = Callable[[Trial], Trial]


class TrialRun:
    """Runs one trial of an order. `adopted` is the supervisor that an earlier service recorded for it."""

    def __init__(
        self, record: JobRecord, trial_id: str, order: Order, retry: WriteRetry, adopted: ProcessId | None
    ) -> None:
        self.trial_id = trial_id
        self._record = record
        self._folder = order.folder
        self._retry = retry
        self._run = start_run(order, self, retry, adopted, self._running_s())
        self._sampler = Sampler(order.folder.machines_file, trial_id, self._run.measure)
        self._measured_at_ns = 0
        self._lost_reports: tuple[MetricReport, ...] = ()

    def end(self, why: EndReason) -> None:
        """Request the end of the trial."""
        self._run.end(why)

    async def stop(self, why: EarlyStop) -> None:
        """Stop the trial early: it runs, or waits in the queue of an engine, or nothing is done.

        Does nothing while the database cannot be written.
        """
        if not self._can_stop(self._trial) or self._run.end_reason is not None:
            return

        def stop(trial: Trial) -> Trial:
            return tuning_job_state.stop(trial, why.reason, why.predicted) if self._can_stop(trial) else trial

        if await self._is_recorded(stop) and tuning_job_state.is_stopping(self._trial):
            self._run.stop()

    def _can_stop(self, trial: Trial) -> bool:
        is_active = trial.state is TrialState.ACTIVE and self._run.is_running
        return is_active or (self._run.is_waiting and trial.state in {TrialState.REQUESTED, TrialState.ACTIVE})

    async def run(self) -> None:
        """Run the trial to its end. Raises UnwritableError when the service stops before the end can be recorded."""
        if tuning_job_state.is_stopping(self._trial):
            self._run.stop()  # an earlier service had begun to stop it
        outcome = await self._run.run()
        await asyncio.to_thread(self._sampler.finish)
        evidence = await self._retry.until_read(self._read_evidence)
        job = self._record.job
        await self._retry.until_done(
            self._record.change_trial,
            self.trial_id,
            lambda trial: concluded(trial, job.study_spec, timeout_s(job), outcome, evidence, now()),
        )

    async def before_start(self) -> None:
        """Read the reports of a lost attempt, before the next start removes its metric file. Raises OSError."""
        self._sampler.restart()
        if not self._folder.metric_file.exists():
            return
        self._lost_reports = await asyncio.to_thread(read_reports, self._folder.metric_file) or self._lost_reports

    async def record_start(self, process: ProcessId | None, started: datetime | None = None) -> None:
        """Record that the trial runs, and the reports of its lost attempt. Raises UnwritableError.

        Nothing changes when an earlier service has recorded this start.
        """
        spec, reports = self._record.job.study_spec, self._lost_reports

        def start(trial: Trial) -> Trial:
            is_known = started is not None and trial.start_time == started
            if is_known or (process is None and tuning_job_state.is_stopping(trial)):
                return trial
            return tuning_job_state.activate(with_reports(trial, spec, reports, now()), started or now())

        await self._record.change_trial(self.trial_id, start, process)
        self._lost_reports = ()

    async def look(self) -> None:
        """Record new reports of the trial, and stop it when the study's stopping rule decides so."""
        if self._run.is_running:
            self._sampler.tick()
        if self._run.is_running and await self._measure():
            await self._consider_stopping()

    @property
    def _trial(self) -> Trial:
        return self._record.trial(self.trial_id)

    def _running_s(self) -> float:
        start = self._trial.start_time
        return 0.0 if start is None else max(0.0, (now() - start).total_seconds())

    async def _measure(self) -> bool:
        """Record new reports of the trial. Returns whether there were any."""
        try:
            changed_at_ns = self._folder.metric_file.stat().st_mtime_ns
            if changed_at_ns == self._measured_at_ns:
                return False
            reports = await asyncio.to_thread(read_reports, self._folder.metric_file)
        except OSError:
            return False
        spec, found_at = self._record.job.study_spec, now()
        is_new = with_reports(self._trial, spec, reports, found_at) != self._trial
        if is_new and not await self._is_recorded(lambda trial: with_reports(trial, spec, reports, found_at)):
            return False  # the next look tries again
        self._measured_at_ns = changed_at_ns
        return is_new

    async def _is_recorded(self, change: Change) -> bool:
        return await self._retry.is_done(self._record.change_trial, self.trial_id, change, self._run.process)

    async def _consider_stopping(self) -> None:
        job = self._record.job
        if job.study_spec.automated_stopping is None:
            return
        try:
            why = await asyncio.to_thread(decide, job.study_spec, self._trial, job.trials)
        except OSError:  # a library could not be loaded in a shortage; the next report tries again
            return
        if why is not None:
            await self.stop(why)

    async def _read_evidence(self) -> Evidence:
        return await asyncio.to_thread(lambda: Evidence(read_reports(self._folder.metric_file), log_tail(self._folder)))
