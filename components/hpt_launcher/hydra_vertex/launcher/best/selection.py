"""Ranks the trials of a job by the objective, or by several objectives, and selects the best one. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hydra_vertex.job import Goal, HyperparameterTuningJob, JobState, MetricSpec, Trial, TrialState
from hydra_vertex.job.preference import preferred_objective
from hydra_vertex.protocol.errors import StudyError
from hydra_vertex.protocol.suggestions import suggest

from .pareto import Costs, distances, non_dominated


@dataclass(frozen=True, slots=True)
class Choice:
    """A trial that was selected by other values than the job's own; `value` is its objective by these.

    `remarks` are sentences about them, for the head of an experiment file.
    """

    trial: Trial
    value: float
    remarks: tuple[str, ...] = ()


def select_best(job: HyperparameterTuningJob, prefer: str = "") -> Trial:
    """Return the best of the trials that succeeded with a finite objective; of equal values, the earliest trial.

    An unset goal is MAXIMIZE, as the API defines it. Of several objectives see `rank`. Raises StudyError when there is
    no such trial; the message contains the first failed trial's infeasible reason.
    """
    ranked = rank(job, prefer)
    if not ranked:
        raise StudyError(_nothing_to_select(job))
    return ranked[0]


def rank(job: HyperparameterTuningJob, prefer: str = "") -> tuple[Trial, ...]:
    """Return all trials that succeeded with finite objectives, best first.

    With several objectives the Pareto set comes first, by `pareto.RULE`; with `prefer`, the name of an objective, or
    else with one in the labels of the job, by that one. Raises StudyError for a name that is no objective.
    """
    metrics = job.study_spec.metrics or (job.study_spec.objective,)
    prefer = prefer or preferred_objective(job)
    if prefer and prefer not in job.study_spec.metric_ids:
        raise StudyError(f"{prefer!r} is no objective of the study{suggest(prefer, job.study_spec.metric_ids)}")
    measured = sorted(((trial, costs) for trial in job.trials if (costs := _costs(trial, metrics))), key=_order)
    if len(metrics) == 1:
        return tuple(trial for trial, _ in sorted(measured, key=lambda item: item[1]))
    if not measured:
        return ()
    vectors = [costs for _, costs in measured]
    keys = [costs[_index(job, prefer)] for costs in vectors] if prefer else distances(vectors)
    others = distances(vectors)
    is_member = non_dominated(vectors)
    order = sorted(range(len(measured)), key=lambda index: (not is_member[index], keys[index], others[index]))
    return tuple(measured[index][0] for index in order)


def pareto_set(job: HyperparameterTuningJob, prefer: str = "") -> tuple[Trial, ...]:
    """Return the trials that no other one dominates, in the order of `rank`; of one objective, all with its best value.

    A trial dominates another one that is nowhere better and somewhere worse. Trials with equal values are all in it.
    """
    ranked = rank(job, prefer)
    is_member = non_dominated([_costs(trial, job.study_spec.metrics) for trial in ranked])
    return tuple(trial for trial, member in zip(ranked, is_member, strict=True) if member)


def _order(item: tuple[Trial, Costs]) -> tuple[int, str]:
    return trial_order(item[0])


def _index(job: HyperparameterTuningJob, name: str) -> int:
    return job.study_spec.metric_ids.index(name)


def is_better(value: float, than: float, goal: Goal) -> bool:
    """Whether `value` is strictly better for the goal."""
    return value < than if goal is Goal.MINIMIZE else value > than


def ended_without_success(job: HyperparameterTuningJob) -> bool:
    """Whether the job did not succeed and does not go on. A paused job goes on only if someone resumes it.

    A job that was cancelled at a limit of the user has done what was asked for.
    """
    if job.state is JobState.CANCELLED and job.stopping_reason:
        return False
    return job.state is not JobState.SUCCEEDED and (job.state.is_terminal or job.state is JobState.PAUSED)


def trial_order(trial: Trial) -> tuple[int, str]:
    """Return a sort key for the order in which trials were started: ids are numbered from "1"."""
    return (int(trial.id), "") if trial.id.isdecimal() else (2**63, trial.id)


def _costs(trial: Trial, metrics: Sequence[MetricSpec]) -> Costs:
    """Return the value of each metric, negated unless its goal is MINIMIZE; empty when one has no finite value."""
    if trial.state is not TrialState.SUCCEEDED:
        return ()
    values = [trial.objective(metric.id) for metric in metrics]
    if not all(value is not None and math.isfinite(value) for value in values):
        return ()
    known = zip(metrics, values, strict=True)
    return tuple(value if metric.goal is Goal.MINIMIZE else -value for metric, value in known if value is not None)


def _nothing_to_select(job: HyperparameterTuningJob) -> str:
    names = " and ".join(map(repr, job.study_spec.metric_ids))
    failed = sorted((t for t in job.trials if t.state is TrialState.INFEASIBLE), key=trial_order)
    counts = f"{len(job.trials)} trials, {len(failed)} infeasible, none with a finite value of {names}"
    if not failed:
        return f"no trial to select: {counts} (the job is {job.state.value})"
    first = failed[0]
    return f"no trial to select: {counts}. Trial {first.id}: {first.infeasible_reason or 'no reason given'}"
