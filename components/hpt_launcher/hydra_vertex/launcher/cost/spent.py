"""Computes what a job has used, from its document alone, so that a step that is started again gets the same. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from hydra_vertex.job import HyperparameterTuningJob, Trial, TrialState

from .estimate import HOUR_S
from .prices import Prices, hourly_rate, workers_of


@dataclass(frozen=True, slots=True)
class Usage:
    """What a job has used. `cost` is None without prices.

    `saved_hours` is an estimate of the worker-hours that early stopping has saved; None when no trial was stopped early
    or none ran to its end.
    """

    worker_hours: float
    cost: float | None
    saved_hours: float | None
    saved_cost: float | None


def usage(job: HyperparameterTuningJob, now: datetime, prices: Prices) -> Usage:
    """Return what the job has used at `now`. Raises UserError when a machine has no price."""
    rate, workers = hourly_rate(job.trial_job_spec, prices), workers_of(job.trial_job_spec)
    hours = trial_hours(job, now)
    saved_s = _saved_s(job)
    saved_hours = None if saved_s is None else saved_s / HOUR_S
    return Usage(
        worker_hours=hours * workers,
        cost=None if rate is None else hours * rate,
        saved_hours=None if saved_hours is None else saved_hours * workers,
        saved_cost=None if saved_hours is None or rate is None else saved_hours * rate,
    )


def trial_hours(job: HyperparameterTuningJob, now: datetime) -> float:
    """Return the sum of the trials' running times in hours; a trial that has not ended is counted up to `now`."""
    return math.fsum(_running_s(trial, job, now) for trial in job.trials) / HOUR_S


def last_time(job: HyperparameterTuningJob) -> datetime | None:
    """Return the latest time in the document; None when it has none."""
    times = [job.end_time, job.update_time, job.start_time, job.create_time]
    times += [time for trial in job.trials for time in (trial.start_time, trial.end_time)]
    return max((time for time in times if time is not None), default=None)


def _running_s(trial: Trial, job: HyperparameterTuningJob, now: datetime) -> float:
    if trial.start_time is None:
        return 0.0
    return max(0.0, (_end_of(trial, job, now) - trial.start_time).total_seconds())


def _end_of(trial: Trial, job: HyperparameterTuningJob, now: datetime) -> datetime:
    """Return the end of a started trial. The trials of a cancelled job may have no end of their own."""
    if trial.end_time is not None:
        return trial.end_time
    return (job.end_time or last_time(job) or now) if job.state.is_terminal else now


def _saved_s(job: HyperparameterTuningJob) -> float | None:
    """Return, summed over the trials that were stopped early, by how much they were shorter than the median trial."""
    stopped = [t.duration_s for t in job.trials if t.stopped_early and t.state.is_terminal]
    complete = [t.duration_s for t in job.trials if t.state is TrialState.SUCCEEDED and not t.stopped_early]
    whole_s = [duration_s for duration_s in complete if duration_s is not None]
    ended_s = [duration_s for duration_s in stopped if duration_s is not None]
    if not whole_s or not ended_s:
        return None
    return math.fsum(max(0.0, median(whole_s) - duration_s) for duration_s in ended_s)
