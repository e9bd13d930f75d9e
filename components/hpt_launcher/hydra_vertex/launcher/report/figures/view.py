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
from hydra_vertex.launcher.text.formatting import format_duration, format_value

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

    def value(self, trial: Trial) -> float:
        """Return the objective of a measured trial."""
        value = trial.objective(self.metric)
        assert value is not None  # noqa: S101 - called with ranked trials only
        return value

    def only(self, trials: tuple[Trial, ...]) -> View:
        """Return the same view of only these trials."""
        return View(replace(self.job, trials=trials), self.best_id, self.prices)

    def of_objective(self, metric: MetricSpec) -> View:
        """Return the view of one of several objectives by itself. The marked trial is the best one in it."""
        spec = replace(self.job.study_spec, metrics=(metric,))
        job = replace(self.job, study_spec=spec)
        return View(job, next((trial.id for trial in rank(job)), None), self.prices)

    def hover(self, trial: Trial) -> str:
        """Return the tooltip of a trial: its values, parameters and duration."""
        values = ((name, trial.objective(name)) for name in self.job.study_spec.metric_ids)
        mark = "selected" if self.job.study_spec.has_several_objectives else "best"
        heading = f"<b>trial {trial.id}</b>{f' ({mark})' if trial.id == self.best_id else ''}"
        lines = [heading]
        lines += [f"{name} = <b>{format_value(value)}</b>" for name, value in values if value is not None]
        lines += [f"{key} = {format_value(item)}" for key, item in trial.parameters.items()]
        if trial.duration_s is not None:
            lines.append(f"took {format_duration(trial.duration_s)}")
        return "<br>".join(lines)


def view_of(job: HyperparameterTuningJob, best: Trial | None, prices: Prices) -> View:
    """Escape a job's texts for Plotly. `best` is the trial to mark; None for no mark."""
    return View(with_texts(job, escape), None if best is None else escape(best.id), prices)
