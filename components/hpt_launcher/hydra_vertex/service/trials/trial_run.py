"""One trial from its start, or its adoption, to its conclusion."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import ParamSpec

from hydra_vertex.job import Measurement, Trial, TrialState
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.jobs.job_record import JobRecord
from hydra_vertex.service.jobs.store import UnwritableError
from hydra_vertex.service.measurements.history import extended, judged_by
from hydra_vertex.service.measurements.metric_file import (
    MetricReport,
    final_measurement,
    measurements_of,
    no_value_reason,
    read_records,
)
from hydra_vertex.service.stopping import EarlyStop, decide
from hydra_vertex.service.system.clock import now
from hydra_vertex.service.system.process_identity import ProcessId

from .exit_status import ExitStatus, failure_reason, read_exit_status, with_log_tail
from .launch import Supervisor, launch, remove_leftovers
from .launch_spec import LaunchSpec, timeout_s

P = ParamSpec("P")

MEASURE_INTERVAL_S = 0.5
"""A look costs 2 µs, and 1.5 ms when there is something new: affordable with a hundred trials that never pause."""

START_LIMIT = 6
"""How often a trial is started whose supervisor vanishes: once, and again as often as Vertex AI restarts a worker."""


class EndReason(Enum):
    """Why trials are ended before their time. The value completes the sentence "ended because ..."."""

    CANCELLED = "the job was cancelled"
    FAILED = "the job failed"
    SHUTDOWN = "the service stops"


class TrialRun:
    """Works on one trial. `adopted` is the supervisor that an earlier service recorded for it."""

    def __init__(self, record: JobRecord, trial_id: str, order: LaunchSpec, adopted: ProcessId | None) -> None:
        self._record = record
        self._trial_id = trial_id
        self._order = order
        self._supervisor = None if adopted is None else Supervisor(adopted)
        self._halt: EndReason | None = None
        self._measured_at_ns = 0

    def halt(self, why: EndReason) -> None:
        """End the trial before its time."""
        self._halt = why
        if self._supervisor is not None:
            self._supervisor.terminate()

    def stop(self, why: EarlyStop) -> None:
        """Stop the running trial early, to be judged by what it has reported; not while nothing can be written."""
        if self._trial.state is not TrialState.ACTIVE or self._supervisor is None or self._halt is not None:
            return
        stopping = tuning_job_state.stop(self._trial, why.reason, why.predicted)
        if self._is_written(stopping, self._supervisor.process):
            self._supervisor.terminate()

    async def run(self) -> None:
        """Bring the trial to an end. Raises UnwritableError when the service stops before that can be recorded."""
        if tuning_job_state.is_stopping(self._trial):
            return await self._finish_stopping()
        for _ in range(START_LIMIT):
            if self._supervisor is None and self._halt is None:
                try:
                    await self._start()
                except OSError as error:
                    if self._halt is None:
                        return await self._put(self._given_up, f"could not be started: {error}")
            ending = await self._watch()
            if tuning_job_state.is_stopping(self._trial):
                return await self._put(self._judge_stopped, ending)
            if self._halt is not None or (ending is not None and not ending.stopped):
                async with self._record.turn():
                    return await self._put(self._concluded, ending)
            # Its supervisor was killed, or stopped by a service that could not record that: it runs again.
            self._supervisor = None
        return await self._put(self._given_up, f"its supervising process was killed {START_LIMIT} times")

    @property
    def _trial(self) -> Trial:
        return self._record.trial(self._trial_id)

    @property
    def _folder(self) -> TrialFolder:
        return self._order.folder

    async def _put(self, ended: Callable[P, Trial], *args: P.args, **kwargs: P.kwargs) -> None:
        await self._record.write_retry.until_written(lambda: self._record.put_trial(ended(*args, **kwargs)))

    def _given_up(self, reason: str) -> Trial:
        return tuning_job_state.fail(self._up_to_date(), reason, now())

    async def _start(self) -> None:
        async with self._record.turn():
            if self._halt is not None:
                return
            # The file of a lost attempt is removed with all that it reported since the last look.
            trial = self._up_to_date()
            await self._record.write_retry.until_written(self._launch, trial)

    def _launch(self, trial: Trial) -> None:
        if self._halt is not None:
            return
        supervisor = launch(self._order)
        try:
            self._record.put_trial(tuning_job_state.activate(trial, now()), supervisor.process)
        except UnwritableError:
            supervisor.abandon()
            raise
        supervisor.start_command(self._order)
        self._supervisor = supervisor

    async def _watch(self) -> ExitStatus | None:
        """Wait for the end of the trial's process, and keep its measurements up to date meanwhile."""
        if self._supervisor is None:
            return None
        ended = asyncio.ensure_future(self._supervisor.ended())
        while not ended.done():
            await asyncio.wait({ended}, timeout=MEASURE_INTERVAL_S)
            # The conclusion records all that was measured.
            if not ended.done() and self._measure(self._supervisor.process):
                await self._consider_stopping()
        ended.result()
        ending = read_exit_status(self._folder.exit_file)
        if ending is None:
            await remove_leftovers(self._order)
        return ending

    def _measure(self, process: ProcessId) -> bool:
        """Record what the trial has reported; whether that is something new."""
        try:
            changed_at_ns = self._folder.metric_file.stat().st_mtime_ns
        except OSError:
            return False
        if changed_at_ns == self._measured_at_ns:
            return False
        self._measured_at_ns = changed_at_ns
        trial = self._up_to_date()
        if trial == self._trial:
            return False
        if not self._is_written(trial, process):
            self._measured_at_ns = 0  # at the next look it is still new
            return False
        return True

    def _is_written(self, trial: Trial, process: ProcessId) -> bool:
        return self._record.write_retry.is_written(lambda: self._record.put_trial(trial, process))

    async def _consider_stopping(self) -> None:
        job = self._record.job
        if job.study_spec.automated_stopping is None:
            return
        why = await asyncio.to_thread(decide, job.study_spec, self._trial, job.trials)
        if why is not None:
            self.stop(why)

    async def _finish_stopping(self) -> None:
        """Go on where an earlier service has left a trial that it was stopping."""
        if self._supervisor is not None:
            self._supervisor.terminate()
        ending = await self._watch()
        await self._put(self._judge_stopped, ending)

    def _found(self, records: tuple[MetricReport, ...]) -> tuple[Measurement, ...]:
        started = self._trial.start_time or now()
        spec = self._record.job.study_spec
        running_s = (now() - started).total_seconds()
        return measurements_of(records, spec.objective.id, started.timestamp(), running_s, spec.other_metric_ids)

    def _up_to_date(self) -> Trial:
        # The file of a trial that waits to run again is an earlier attempt's, and recorded.
        if self._trial.start_time is None:
            return self._trial
        return self._with_measurements(read_records(self._folder.metric_file))

    def _with_measurements(self, records: tuple[MetricReport, ...]) -> Trial:
        return extended(self._trial, self._found(records), self._record.job.study_spec.objective)

    def _final(self, trial: Trial, records: tuple[MetricReport, ...]) -> Measurement | None:
        spec = self._record.job.study_spec
        measurements = judged_by(trial, self._found(records), spec.objective)
        selection, others = spec.measurement_selection, spec.other_metric_ids
        return final_measurement(records, measurements, spec.objective, selection, others)

    def _concluded(self, ending: ExitStatus | None) -> Trial:
        if ending is None or ending.stopped:
            why = self._halt or EndReason.SHUTDOWN
            if why is EndReason.SHUTDOWN:
                return tuning_job_state.postpone(self._up_to_date())
            return self._fail(f"ended because {why.value}")
        if not ending.is_well:
            return self._fail(failure_reason(ending, timeout_s(self._record.job)))
        return self._judge()

    def _fail(self, reason: str) -> Trial:
        return tuning_job_state.fail(self._up_to_date(), with_log_tail(reason, self._folder.log), now())

    def _judge_stopped(self, ending: ExitStatus | None) -> Trial:
        if ending is not None and ending.is_well and not ending.stopped:
            return self._judge()
        records = read_records(self._folder.metric_file)
        trial = self._with_measurements(records)
        return tuning_job_state.end_stopped(trial, self._final(trial, records), now())

    def _judge(self) -> Trial:
        records = read_records(self._folder.metric_file)
        trial = tuning_job_state.end_unstopped(self._with_measurements(records))
        final = self._final(trial, records)
        if final is None:
            return self._fail(no_value_reason(records, self._record.job.study_spec.objective.id))
        return tuning_job_state.succeed(trial, final, now())
