"""When a study ends before `maxTrialCount`: the conditions of `StudyStoppingConfig`, in the order the API states."""

from __future__ import annotations

from datetime import datetime, timedelta

from hydra_vertex.job import Goal, HyperparameterTuningJob, TimeConstraint, Trial, TrialState


def limit_reached(job: HyperparameterTuningJob, now: datetime) -> str | None:
    """Return the condition that ends the study at the time `now`, with the reason; None if it continues.

    The two minimum conditions come first: until both are met, no other condition is checked.
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
        return "maximumRuntimeConstraint: the maximum runtime has passed"
    if config.max_num_trials is not None and len(job.trials) >= config.max_num_trials:
        return f"maxNumTrials: there are {len(job.trials)} trials"
    without_progress = trials_without_progress(job)
    if config.max_num_trials_no_progress is not None and without_progress >= config.max_num_trials_no_progress:
        return f"maxNumTrialsNoProgress: no better value in the last {without_progress} trials"
    no_progress_s = (now - _last_progress(job)).total_seconds()
    if config.max_duration_no_progress_s is not None and no_progress_s >= config.max_duration_no_progress_s:
        return f"maxDurationNoProgress: no better value for {no_progress_s:.0f} s"
    return None


def ended_trials(job: HyperparameterTuningJob) -> tuple[Trial, ...]:
    """Return the trials that have ended, in the order of their end times."""
    return tuple(sorted((t for t in job.trials if t.state.is_terminal), key=lambda trial: _end_of(job, trial)))


def trials_without_progress(job: HyperparameterTuningJob) -> int:
    """Return how many trials have ended since the best value was found; 0 if no trial has a value."""
    ended = ended_trials(job)
    improvements = _improvements(job, ended)
    return len(ended) - 1 - ended.index(improvements[-1]) if improvements else 0


def _improvements(job: HyperparameterTuningJob, ended: tuple[Trial, ...]) -> list[Trial]:
    """Return the trials that were better than all before them when they ended."""
    metric = job.study_spec.objective
    sign = 1.0 if metric.goal is Goal.MINIMIZE else -1.0
    best, improvements = float("inf"), []
    for trial in ended:
        value = trial.objective(metric.id) if trial.state is TrialState.SUCCEEDED else None
        if value is not None and sign * value < best:
            best = sign * value
            improvements.append(trial)
    return improvements


def _last_progress(job: HyperparameterTuningJob) -> datetime:
    improvements = _improvements(job, ended_trials(job))
    return _end_of(job, improvements[-1]) if improvements else _created(job)


def _has_passed(job: HyperparameterTuningJob, constraint: TimeConstraint, now: datetime) -> bool:
    if constraint.end_time is not None:
        return now >= constraint.end_time
    return now - _created(job) >= timedelta(seconds=constraint.max_duration_s or 0.0)


def _end_of(job: HyperparameterTuningJob, trial: Trial) -> datetime:
    return trial.end_time or _created(job)


def _created(job: HyperparameterTuningJob) -> datetime:
    if job.create_time is None:
        raise ValueError(f"{job.name} has no createTime: only a job that the service has accepted can be checked")
    return job.create_time
