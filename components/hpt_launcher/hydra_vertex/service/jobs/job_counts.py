"""The trial counts of a job, which a run that goes on may change: its finished trials are kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from hydra_vertex.job import HyperparameterTuningJob, JobState, Trial
from hydra_vertex.job.confirmation import is_confirmation

from .tuning_job_state import fail, stop


@dataclass(frozen=True, slots=True)
class JobCounts:
    """The counts of a job, with the meaning that they have in its document."""

    max_trial_count: int
    parallel_trial_count: int
    max_failed_trial_count: int


def with_counts(job: HyperparameterTuningJob, counts: JobCounts, now: datetime) -> HyperparameterTuningJob:
    """Return the job with the counts; the job itself when it has them already.

    A job that has ended runs again if its new count allows more trials, or if it did not succeed. Trials that have not
    ended and exceed the count are ended as stopped early. What trials have measured is kept. A job that repeats
    configurations of a study has counts of its own.
    """
    if counts == counts_of(job) or is_confirmation(job):
        return job
    ended = sum(trial.state.is_terminal for trial in job.trials)
    trials = _limited(job.trials, counts.max_trial_count - ended, f"--trials {counts.max_trial_count}", now)
    changed = replace(
        job,
        trials=trials,
        max_trial_count=counts.max_trial_count,
        parallel_trial_count=counts.parallel_trial_count,
        max_failed_trial_count=counts.max_failed_trial_count,
        update_time=now,
    )
    is_complete = job.state is JobState.SUCCEEDED and counts.max_trial_count <= len(job.trials)
    return changed if is_complete or job.state is JobState.PENDING else _reopened(changed)


def counts_of(job: HyperparameterTuningJob) -> JobCounts:
    """Return the counts of a job."""
    return JobCounts(job.max_trial_count, job.parallel_trial_count, job.max_failed_trial_count)


def _reopened(job: HyperparameterTuningJob) -> HyperparameterTuningJob:
    return replace(job, state=JobState.RUNNING, end_time=None, error=None, stopping_reason="")


def _limited(trials: tuple[Trial, ...], room: int, reason: str, now: datetime) -> tuple[Trial, ...]:
    """Keep `room` of the trials that have not ended, the first ones, and end the others."""
    kept = []
    for trial in trials:
        if not trial.state.is_terminal:
            room -= 1
            if room < 0:
                trial = fail(stop(trial, reason), f"not finished, because of {reason}", now)
        kept.append(trial)
    return tuple(kept)
