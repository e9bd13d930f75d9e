"""When a study ends before its trials are used up: `StudyStoppingConfig`, read from top to bottom as the API says."""

from __future__ import annotations

from datetime import datetime, timedelta

from hydra_vertex.job import Goal, HyperparameterTuningJob, TimeConstraint, Trial, TrialState


def limit_reached(job: HyperparameterTuningJob, now: datetime) -> str | None:
    """The condition under which the study is to stop now; None while it goes on.

    The two minimum conditions come first: until both are met, no other one is looked at.
    """
    config = job.study_spec.study_stopping
    if config is None:
        return None
    ended = ended_trials(job)
    if config.minimum_runtime is not None and not _has_passed(job, config.minimum_runtime, now):
        return None
    if config.min_num_trials is not None and len(ended) < config.min_num_trials:
        return None
    if config.maximum_runtime is not None and _has_passed(job, config.maximum_runtime, now):
        return "maximumRuntimeConstraint: the time is over"
    if config.max_num_trials is not None and len(job.trials) >= config.max_num_trials:
        return f"maxNumTrials: there are {len(job.trials)} trials"
    stale = trials_without_progress(job)
    if config.max_num_trials_no_progress is not None and stale >= config.max_num_trials_no_progress:
        return f"maxNumTrialsNoProgress: the last {stale} trials brought no better value"
    idle_s = (now - _last_progress(job)).total_seconds()
    if config.max_duration_no_progress_s is not None and idle_s >= config.max_duration_no_progress_s:
        return f"maxDurationNoProgress: no better value for {idle_s:.0f} s"
    return None


def ended_trials(job: HyperparameterTuningJob) -> tuple[Trial, ...]:
    """The trials that have ended, in the order in which they did."""
    return tuple(sorted((t for t in job.trials if t.state.is_terminal), key=lambda trial: _end_of(job, trial)))


def trials_without_progress(job: HyperparameterTuningJob) -> int:
    """How many trials have ended since the best value was found; 0 while there is no value at all."""
    ended = ended_trials(job)
    records = _records(job, ended)
    return len(ended) - 1 - ended.index(records[-1]) if records else 0


def _records(job: HyperparameterTuningJob, ended: tuple[Trial, ...]) -> list[Trial]:
    """The trials that were the best when they ended."""
    metric = job.study_spec.objective
    sign = 1.0 if metric.goal is Goal.MINIMIZE else -1.0
    best, records = float("inf"), []
    for trial in ended:
        value = trial.objective(metric.id) if trial.state is TrialState.SUCCEEDED else None
        if value is not None and sign * value < best:
            best = sign * value
            records.append(trial)
    return records


def _last_progress(job: HyperparameterTuningJob) -> datetime:
    records = _records(job, ended_trials(job))
    return _end_of(job, records[-1]) if records else _created(job)


def _has_passed(job: HyperparameterTuningJob, constraint: TimeConstraint, now: datetime) -> bool:
    if constraint.end_time is not None:
        return now >= constraint.end_time
    return now - _created(job) >= timedelta(seconds=constraint.max_duration_s or 0.0)


def _end_of(job: HyperparameterTuningJob, trial: Trial) -> datetime:
    return trial.end_time or _created(job)


def _created(job: HyperparameterTuningJob) -> datetime:
    if job.create_time is None:
        raise ValueError("a job that the service took on has a creation time")
    return job.create_time
