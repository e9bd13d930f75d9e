"""Decides the state of a trial whose command has ended. Pure: the current time is a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hydra_vertex.job import Measurement, StudySpec, Trial
from hydra_vertex.service.jobs import tuning_job_state
from hydra_vertex.service.measurements.history import extended, judged_by
from hydra_vertex.service.measurements.metric_file import (
    MetricReport,
    final_measurement,
    measurements_of,
    no_value_reason,
)
from hydra_vertex.service.trials.exit_status import ExitStatus, failure_reason, with_tail
from hydra_vertex.service.trials.run import Ended, EndReason, NotStarted, Outcome


@dataclass(frozen=True, slots=True)
class Evidence:
    """The content of the trial's folder at the end: its reports, oldest first, and the last lines of its log."""

    reports: tuple[MetricReport, ...] = ()
    log_tail: str = ""


def with_reports(trial: Trial, spec: StudySpec, reports: Sequence[MetricReport], now: datetime) -> Trial:
    """Return the trial with the measurements of its metric file added."""
    return extended(trial, _found(trial, spec, reports, now), spec.objective)


def concluded(
    trial: Trial, spec: StudySpec, timeout_s: float, outcome: Outcome, evidence: Evidence, now: datetime
) -> Trial:
    """Return the trial in its final state, or as REQUESTED when it is to run again."""
    match outcome:
        case NotStarted(reason):
            return tuning_job_state.fail(with_reports(trial, spec, evidence.reports, now), reason, now)
        case Ended(exit_status, end_reason):
            trial = _as_started(trial, exit_status)
            if tuning_job_state.is_stopping(trial):
                return _judged_stopped(trial, spec, exit_status, evidence, now)
            if exit_status is None or exit_status.stopped:
                return _ended_early(trial, spec, end_reason or EndReason.SHUTDOWN, evidence, now)
            if not exit_status.is_success:
                return _failed(trial, spec, failure_reason(exit_status, timeout_s), evidence, now)
            return _judged(trial, spec, evidence, now)


def _as_started(trial: Trial, exit_status: ExitStatus | None) -> Trial:
    """Set the missing start time of a trial that has run: the record of its start may have been lost."""
    if trial.start_time is not None or exit_status is None or exit_status.started is None:
        return trial
    if tuning_job_state.is_stopping(trial):  # it was stopped in a queue, and had started before that was known
        return replace(trial, start_time=exit_status.started)
    return tuning_job_state.activate(trial, exit_status.started)


def _ended_early(trial: Trial, spec: StudySpec, why: EndReason, evidence: Evidence, now: datetime) -> Trial:
    if why is EndReason.SHUTDOWN:
        return tuning_job_state.postpone(with_reports(trial, spec, evidence.reports, now))
    return _failed(trial, spec, f"ended because {why.value}", evidence, now)


def _failed(trial: Trial, spec: StudySpec, reason: str, evidence: Evidence, now: datetime) -> Trial:
    trial = with_reports(trial, spec, evidence.reports, now)
    return tuning_job_state.fail(trial, with_tail(reason, evidence.log_tail), now)


def _judged_stopped(
    trial: Trial, spec: StudySpec, exit_status: ExitStatus | None, evidence: Evidence, now: datetime
) -> Trial:
    if exit_status is not None and exit_status.is_success and exit_status.is_own_end:
        return _judged(trial, spec, evidence, now)
    trial = with_reports(trial, spec, evidence.reports, now)
    return tuning_job_state.end_stopped(trial, _final(trial, spec, evidence.reports, now), now)


def _judged(trial: Trial, spec: StudySpec, evidence: Evidence, now: datetime) -> Trial:
    trial = tuning_job_state.end_unstopped(with_reports(trial, spec, evidence.reports, now))
    final = _final(trial, spec, evidence.reports, now)
    if final is None:
        return _failed(trial, spec, no_value_reason(evidence.reports, spec.metric_ids), evidence, now)
    return tuning_job_state.succeed(trial, final, now)


def _final(trial: Trial, spec: StudySpec, reports: Sequence[MetricReport], now: datetime) -> Measurement | None:
    measurements = judged_by(trial, _found(trial, spec, reports, now), spec.objective)
    return final_measurement(reports, measurements, spec.objective, spec.measurement_selection, spec.other_metric_ids)


def _found(trial: Trial, spec: StudySpec, reports: Sequence[MetricReport], now: datetime) -> tuple[Measurement, ...]:
    # A trial without a start time waits to run again; its file is of an earlier attempt and already recorded.
    if trial.start_time is None:
        return ()
    running_s = (now - trial.start_time).total_seconds()
    return measurements_of(reports, spec.objective.id, trial.start_time.timestamp(), running_s, spec.other_metric_ids)
