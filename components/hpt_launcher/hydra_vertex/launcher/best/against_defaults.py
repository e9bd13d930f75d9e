"""Compares the best trial with the first one, where that has the default values of the search space. Pure.

A job document does not mark this trial: its parameters are the default values of the study's spec.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hydra_vertex.job import HyperparameterTuningJob, ParameterValue, Trial
from hydra_vertex.job.defaults import default_parameters
from hydra_vertex.launcher.text.formatting import format_value
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.json import JsonObject

from .selection import is_better, rank, trial_order

_SAME_WITHIN = 1e-9
"""Relative; a service may write a number with fewer digits than Python's `repr`."""


@dataclass(frozen=True, slots=True)
class AgainstDefaults:
    """The trial with the default values and the best one. `default_value` is None if the former measured no value.

    A best trial that was selected by the means of repeats may have a worse value than the defaults.
    """

    metric: str
    trial: Trial
    default_value: float | None
    best: Trial
    best_value: float
    is_better: bool

    @property
    def text(self) -> str:
        """One sentence: `best against your defaults: val/loss 0.7 (trial 9), 3.3 lower (82 %) than 4 (trial 1)`."""
        if self.default_value is None:
            reason = excerpt(" ".join(self.trial.infeasible_reason.split()), 120)
            why = f": {reason}" if reason else ""
            return f"trial {self.trial.id}, with your defaults, has no value of {self.metric} to compare with{why}"
        own = f"{format_value(self.default_value)} (trial {self.trial.id})"
        if self.best.id == self.trial.id:
            return f"best against your defaults: no trial is better than your defaults, {self.metric} {own}"
        best = f"{self.metric} {format_value(self.best_value)} (trial {self.best.id})"
        return f"best against your defaults: {best}, {self._difference(self.default_value)} than {own}"

    def document(self) -> JsonObject:
        """Return the comparison as a JSON object; `difference` is the best value minus that of the defaults."""
        default = self.default_value
        return {
            "trial": self.trial.id,
            "value": default,
            "bestTrial": self.best.id,
            "bestValue": self.best_value,
            "difference": None if default is None else self.best_value - default,
            "isBetter": self.is_better,
        }

    def _difference(self, default: float) -> str:
        difference = self.best_value - default
        direction = "lower" if difference < 0 else "higher"
        share = f" ({abs(100 * difference / default):.0f} %)" if default * self.best_value > 0 else ""
        return f"{format_value(abs(difference))} {direction}{share}"


def against_defaults(job: HyperparameterTuningJob, best: Trial | None = None) -> AgainstDefaults | None:
    """Return the comparison; None without a trial of the default values that has ended, or without a best trial.

    A study of several objectives has no best trial, and so no comparison.

    `best` is the best trial; None takes that of the ranking.
    """
    if job.study_spec.has_several_objectives:
        return None
    metric = job.study_spec.objective
    trial = _default_trial(job)
    best = best or next(iter(rank(job)), None)
    value = None if best is None else best.objective(metric.id)
    if trial is None or best is None or value is None:
        return None
    has_value = any(trial.id == ranked.id for ranked in rank(job))
    default = trial.objective(metric.id) if has_value else None
    better = default is not None and best.id != trial.id and is_better(value, default, metric.goal)
    return AgainstDefaults(metric.id, trial, default, best, value, better)


def _default_trial(job: HyperparameterTuningJob) -> Trial | None:
    """Return the first trial, if it has ended and its parameters are the default values."""
    wanted = default_parameters(job.study_spec)
    first = min(job.trials, key=trial_order, default=None)
    if wanted is None or first is None or not first.state.is_terminal or not _are_same(wanted, first.parameters):
        return None
    return first


def _are_same(left: Mapping[str, ParameterValue], right: Mapping[str, ParameterValue]) -> bool:
    return left.keys() == right.keys() and all(_is_same(value, right[key]) for key, value in left.items())


def _is_same(left: ParameterValue, right: ParameterValue) -> bool:
    if isinstance(left, str) or isinstance(right, str):
        return left == right
    return math.isclose(left, right, rel_tol=_SAME_WITHIN)
