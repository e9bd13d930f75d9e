"""Compares the metric of a retraining with that of the trial whose config it has. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.protocol.json import JsonObject

LARGE_PERCENT = 10.0
"""A difference of more than this part of the trial's value is called large."""
SMALL_PERCENT = 0.001
"""A smaller difference is called so: training is rarely exact in the last digits."""
_MINIMIZE = "MINIMIZE"


@dataclass(frozen=True, slots=True)
class TrialValue:
    """The metric of the best trial. `goal` is that of the study; MINIMIZE or another text, which means MAXIMIZE."""

    trial: str
    metric: str
    value: float
    goal: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A retrained value beside that of the best trial."""

    trial: TrialValue
    value: float

    @property
    def difference(self) -> float:
        """The retrained value minus the trial's."""
        return self.value - self.trial.value

    @property
    def percent(self) -> float | None:
        """The difference in percent of the trial's absolute value; None when that is 0."""
        return 100 * self.difference / abs(self.trial.value) if self.trial.value else None

    @property
    def is_worse(self) -> bool:
        """Whether the retrained value is worse than the trial's."""
        return self.difference > 0 if self.trial.goal == _MINIMIZE else self.difference < 0

    @property
    def is_large(self) -> bool:
        """Whether the values differ by more than LARGE_PERCENT; of a trial's 0, by anything."""
        return self.difference != 0 if self.percent is None else abs(self.percent) > LARGE_PERCENT

    def sentence(self) -> str:
        """Return one sentence for the user."""
        retrained = f"retrained {self.trial.metric} = {self.value!r}"
        if self.difference == 0:
            return f"{retrained}, the same as that of trial {self.trial.trial}"
        direction = "worse" if self.is_worse else "better"
        compared = f"{retrained}, {self._size()} {direction} than trial {self.trial.trial} ({self.trial.value!r})"
        if not self.is_large:
            return compared
        advice = ": look at the seed, and at what the retraining sets (--retrain)" if self.is_worse else ""
        return f"{compared}; a large difference{advice}"

    def _size(self) -> str:
        if self.percent is None:
            return f"{abs(self.difference):.3g}"
        percent = abs(self.percent)
        return f"less than {SMALL_PERCENT:g} %" if percent < SMALL_PERCENT else f"{percent:.3g} %"

    def document(self) -> JsonObject:
        """Return the numbers for the metrics artifact."""
        metric = self.trial.metric
        return {f"best_trial/{metric}": self.trial.value, f"difference/{metric}": self.difference}


def trial_values(metadata: JsonObject) -> tuple[TrialValue, ...]:
    """Return the best trial's metric, or several, from the metadata of the artifact `best_model`; empty for none."""
    several = metadata.get("objectives")
    trial = str(metadata.get("trialId", ""))
    items = several if isinstance(several, list) else [metadata]
    found = (_trial_value(trial, item) for item in items if isinstance(item, Mapping))
    return tuple(value for value in found if value is not None)


def _trial_value(trial: str, item: JsonObject) -> TrialValue | None:
    metric, value, goal = (item.get(name) for name in ("metric", "value", "goal"))
    if not isinstance(metric, str) or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return TrialValue(trial, metric, float(value), str(goal))


def compare(metric: str, value: float, trials: Sequence[TrialValue]) -> Comparison | None:
    """Compare a value with the trial's value of the same metric; None when that is unknown."""
    same = [trial for trial in trials if trial.metric == metric and math.isfinite(trial.value)]
    return Comparison(same[0], value) if same else None
