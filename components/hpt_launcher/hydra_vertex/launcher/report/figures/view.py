"""The data of all figures: the job with escaped labels, its Optuna study, and the ranked trials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from hydra_vertex.job import Goal, HyperparameterTuningJob, MetricSpec, Trial
from hydra_vertex.launcher.best.selection import rank, trial_order
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.report.labels import escape, with_texts
from hydra_vertex.launcher.report.palette import LIGHT, RANK_STEPS, rank_colours
from hydra_vertex.launcher.report.study import parameter_ids, to_study

if TYPE_CHECKING:
    import optuna

LOG_SPREAD = 50
"""Ratio of the largest to the smallest value, all positive, above which the objective has a log axis."""


@dataclass(frozen=True)
class View:
    """A job prepared for plotting. Its texts are escaped for Plotly; `best_id` is None while there is no best trial."""

    job: HyperparameterTuningJob
    best_id: str | None
    prices: Prices
    metric_number: int = 0
    """Of several objectives, the number of the one that is displayed."""

    @cached_property
    def metric(self) -> str:
        """The objective's id."""
        return self.job.study_spec.objective.id

    @cached_property
    def goal(self) -> Goal:
        """Whether the objective is minimised or maximised."""
        return self.job.study_spec.objective.goal

    @cached_property
    def study(self) -> optuna.Study:
        """All trials; trial number n is `trials[n]`."""
        return to_study(self.job)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order of their ids."""
        return tuple(sorted(self.job.trials, key=trial_order))

    @cached_property
    def ranked(self) -> tuple[Trial, ...]:
        """The trials with a finite objective, best first."""
        return rank(self.job)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that at least one measured trial has, in the declared order."""
        return tuple(key for key in parameter_ids(self.job) if any(key in trial.parameters for trial in self.ranked))

    @cached_property
    def best(self) -> Trial | None:
        """The marked trial; None when there is none."""
        return next((trial for trial in self.trials if trial.id == self.best_id), None)

    @cached_property
    def objective_axis(self) -> str:
        """`log` if the values spread by more than LOG_SPREAD, as with a diverged trial, else `linear`."""
        values = [value for trial in self.ranked if (value := trial.objective(self.metric)) is not None]
        return "log" if values and min(values) > 0 and max(values) / min(values) > LOG_SPREAD else "linear"

    @cached_property
    def objective_title(self) -> str:
        """The objective's axis title."""
        return f"{self.metric} (log)" if self.objective_axis == "log" else self.metric

    @cached_property
    def colours(self) -> dict[str, str]:
        """The colour of each measured trial by its rank: an outlier does not compress the colours of the others."""
        scale, last = rank_colours(LIGHT), max(1, len(self.ranked) - 1)
        return {
            trial.id: scale[round((RANK_STEPS - 1) * (1 - place / last))] for place, trial in enumerate(self.ranked)
        }

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The number of each trial: its id where all ids are numbers, else its place from 1."""
        if all(trial.id.isdecimal() for trial in self.trials):
            return {trial.id: int(trial.id) for trial in self.trials}
        return {trial.id: place for place, trial in enumerate(self.trials, start=1)}

    def number(self, trial: Trial) -> int:
        """Return the trial's place on an axis of trials."""
        return self._numbers[trial.id]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {trial.id: row for row, trial in enumerate(self.trials)}

    def row(self, trial: Trial) -> int:
        """Return the trial's row, from 0, in the page's table, which has the texts for its tooltip."""
        return self._rows[trial.id]

    def value(self, trial: Trial) -> float:
        """Return the objective of a measured trial."""
        value = trial.objective(self.metric)
        assert value is not None  # noqa: S101 - called with ranked trials only
        return value

    def of_objective(self, metric: MetricSpec) -> View:
        """Return the view of one of several objectives by itself. The marked trial is the best one in it."""
        number = self.job.study_spec.metrics.index(metric)
        spec = replace(self.job.study_spec, metrics=(metric,))
        job = replace(self.job, study_spec=spec)
        return View(job, next((trial.id for trial in rank(job)), None), self.prices, number)


def view_of(job: HyperparameterTuningJob, best: Trial | None, prices: Prices) -> View:
    """Escape a job's texts for Plotly. `best` is the trial to mark; None for no mark."""
    return View(with_texts(job, escape), None if best is None else escape(best.id), prices)
