"""Ranks the trials of a job by the objective and selects the best one. Pure."""

from __future__ import annotations

import math

from hydra_vertex.job import Goal, HyperparameterTuningJob, MetricSpec, Trial, TrialState
from hydra_vertex.protocol.errors import StudyError


def select_best(job: HyperparameterTuningJob) -> Trial:
    """Return the best of the trials that succeeded with a finite objective; of equal values, the earliest trial.

    An unset goal is MAXIMIZE, as the API defines it. Raises StudyError when there is no such trial; the message
    contains the first failed trial's infeasible reason.
    """
    ranked = rank(job)
    if not ranked:
        raise StudyError(_nothing_to_select(job))
    return ranked[0]


def rank(job: HyperparameterTuningJob) -> tuple[Trial, ...]:
    """Return all trials that succeeded with a finite objective, best first."""
    metric = job.study_spec.objective
    candidates = [trial for trial in job.trials if _value(trial, metric) is not None]
    return tuple(sorted(candidates, key=lambda trial: (_cost(trial, metric), trial_order(trial))))


def is_better(value: float, than: float, goal: Goal) -> bool:
    """Whether `value` is strictly better for the goal."""
    return value < than if goal is Goal.MINIMIZE else value > than


def trial_order(trial: Trial) -> tuple[int, str]:
    """Return a sort key for the order in which trials were started: ids are numbered from "1"."""
    return (int(trial.id), "") if trial.id.isdecimal() else (2**63, trial.id)


def _value(trial: Trial, metric: MetricSpec) -> float | None:
    value = trial.objective(metric.id) if trial.state is TrialState.SUCCEEDED else None
    return value if value is not None and math.isfinite(value) else None


def _cost(trial: Trial, metric: MetricSpec) -> float:
    value = _value(trial, metric)
    assert value is not None  # noqa: S101 - rank() keeps only trials that have one
    return value if metric.goal is Goal.MINIMIZE else -value


def _nothing_to_select(job: HyperparameterTuningJob) -> str:
    metric = job.study_spec.objective.id
    failed = sorted((t for t in job.trials if t.state is TrialState.INFEASIBLE), key=trial_order)
    counts = f"{len(job.trials)} trials, {len(failed)} infeasible, none with a finite value of {metric!r}"
    if not failed:
        return f"no trial to select: {counts} (the job is {job.state.value})"
    first = failed[0]
    return f"no trial to select: {counts}. Trial {first.id}: {first.infeasible_reason or 'no reason given'}"
