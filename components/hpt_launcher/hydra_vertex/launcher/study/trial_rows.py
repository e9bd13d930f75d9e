"""Selects the rows of a table of trials, the best value so far, and short column names. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.launcher.best.selection import is_better, pareto_set, rank, trial_order

MAX_ROWS = 24
"""Maximum number of rows. With more trials the table has the best ones, the running ones and the latest."""


def visible_trials(job: HyperparameterTuningJob, limit: int = MAX_ROWS) -> tuple[Trial, ...]:
    """Return the trials that the table shows, in the order of their start."""
    trials = sorted(job.trials, key=trial_order)
    if len(trials) <= limit:
        return tuple(trials)
    running = [trial for trial in trials if not trial.state.is_terminal]
    kept = {trial.id for trial in [*best_trials(job)[: max(1, limit // 2)], *running[-limit + 1 :]]}
    for trial in reversed(trials):
        if len(kept) >= limit:
            break
        kept.add(trial.id)
    return tuple(trial for trial in trials if trial.id in kept)


def best_trials(job: HyperparameterTuningJob) -> tuple[Trial, ...]:
    """Return the trials to mark: the best one, or the Pareto set of several objectives, the selected trial first."""
    return pareto_set(job) if job.study_spec.has_several_objectives else rank(job)[:1]


def best_so_far(job: HyperparameterTuningJob) -> dict[str, float]:
    """Return by trial id, for each trial with a value, the best value among the trials up to it.

    Empty with several objectives, of which there is no best value.
    """
    if job.study_spec.has_several_objectives:
        return {}
    metric, result = job.study_spec.objective, dict[str, float]()
    best: float | None = None
    for trial in sorted(rank(job), key=trial_order):
        value = trial.objective(metric.id)
        if value is not None and (best is None or is_better(value, best, metric.goal)):
            best = value
        if best is not None:
            result[trial.id] = best
    return result


def short_names(keys: Sequence[str]) -> list[str]:
    """Return for each dotted key the fewest last parts that distinguish it from all others."""
    return [next(filter(lambda tail: _is_unique(tail, keys), _tails(key)), key) for key in keys]


def _tails(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[-count:]) for count in range(1, len(parts) + 1)]


def _is_unique(tail: str, keys: Sequence[str]) -> bool:
    return sum(tail in _tails(key) for key in keys) == 1
