"""The learning curves of trials, as costs over positions. Lower costs are better, whatever the metric's goal is."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from hydra_vertex.job import Goal, Measurement, MetricSpec, ParameterValue, Trial, TrialState
from hydra_vertex.service.measurements.history import WHOLE_LIMIT, last_attempt


class CurveAxis(Enum):
    """What the positions of a curve are. The value is the noun in messages: "step 7", "second 7"."""

    STEP = "step"
    ELAPSED = "second"
    COUNT = "measurement"


@dataclass(frozen=True, slots=True)
class Curve:
    """The costs `(k,)` of one trial's k measurements at strictly ascending `positions` `(k,)`; k is at least 1.

    A position is a step, the elapsed seconds, or the number of the measurement from 1. `final` is the cost of the
    trial's final measurement, None while it runs. `is_complete`: it was not stopped early.
    """

    positions: tuple[float, ...]
    costs: tuple[float, ...]
    final: float | None = None
    is_complete: bool = False
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """The last position."""
        return self.positions[-1]

    @property
    def best(self) -> float:
        """The lowest cost."""
        return min(self.costs)

    def covers(self, position: float) -> bool:
        """Whether a position is between the first and the last one of the curve, both included."""
        return self.positions[0] <= position <= self.positions[-1]

    def at(self, position: float) -> float:
        """Return the cost at a position by linear interpolation; outside the curve, the cost at its nearer end."""
        after = bisect_right(self.positions, position)
        if after == 0 or after == len(self.positions):
            return self.costs[max(after - 1, 0)]
        x0, x1 = self.positions[after - 1 : after + 1]
        y0, y1 = self.costs[after - 1 : after + 1]
        return y0 + (y1 - y0) * (position - x0) / (x1 - x0)

    def mean_until(self, position: float) -> float | None:
        """Return the mean of the costs up to a position, inclusive; None if there is none."""
        known = self.costs[: bisect_right(self.positions, position)]
        return statistics.fmean(known) if known else None


@dataclass(frozen=True, slots=True)
class Curves:
    """The curve of the running trial, and the curves of all trials that ended with a value, oldest first."""

    running: Curve
    ended: tuple[Curve, ...]
    axis: CurveAxis
    goal: Goal

    def value(self, cost: float) -> float:
        """Return the value of the metric that corresponds to a cost."""
        return cost if self.goal is Goal.MINIMIZE else -cost

    @property
    def complete(self) -> tuple[Curve, ...]:
        """The curves of the trials that were not stopped early."""
        return tuple(curve for curve in self.ended if curve.is_complete)


def curves_of(running: Trial, trials: Sequence[Trial], metric: MetricSpec, axis: CurveAxis | None) -> Curves | None:
    """Return the curves of the running trial and of those of the `trials` that ended with a value.

    An `axis` of None selects the one that suits the trials. Returns None if the running trial has no measurement of the
    metric.
    """
    ended = [trial for trial in trials if trial.state is TrialState.SUCCEEDED and trial.id != running.id]
    axis = axis or _axis_of(running, ended)
    own = _curve(running, metric, axis)
    others = [curve for trial in ended if (curve := _curve(trial, metric, axis)) is not None]
    return None if own is None else Curves(own, tuple(others), axis, metric.goal)


def _axis_of(running: Trial, ended: Sequence[Trial]) -> CurveAxis:
    """Return the axis on which the complete runs have more similar lengths: steps, or the number of measurements.

    Runs with different batch sizes differ in their steps, but not in how often they validate. An app that reports no
    steps repeats the same one.
    """
    if any(_repeats_steps(trial) for trial in (running, *ended)):
        return CurveAxis.COUNT
    complete = [last_attempt(trial) for trial in ended if not trial.stopped_early and trial.measurements]
    counts = [len(measurements) for measurements in complete]
    # Not all measurements of a longer curve are recorded, so that their number is not its length.
    if len(complete) < 2 or max(counts) >= WHOLE_LIMIT:
        return CurveAxis.STEP
    steps = [measurements[-1].step_count for measurements in complete]
    return CurveAxis.COUNT if _variation(counts) < _variation(steps) else CurveAxis.STEP


def _repeats_steps(trial: Trial) -> bool:
    measurements = last_attempt(trial)
    return len({measurement.step_count for measurement in measurements}) < len(measurements)


def _variation(values: Sequence[int]) -> float:
    """Return the coefficient of variation: the standard deviation divided by the mean; 0 for a mean of 0."""
    mean = statistics.fmean(values)
    return statistics.pstdev(values) / mean if mean else 0.0


def _curve(trial: Trial, metric: MetricSpec, axis: CurveAxis) -> Curve | None:
    """Return the curve of a trial's last attempt; None if it has no measurement of the metric on the axis."""
    sign = 1.0 if metric.goal is Goal.MINIMIZE else -1.0
    by_position = {
        position: sign * measurement.metrics[metric.id]
        for number, measurement in enumerate(last_attempt(trial), start=1)
        if metric.id in measurement.metrics and (position := _position(measurement, number, axis)) is not None
    }
    if not by_position:
        return None
    final = trial.objective(metric.id) if trial.state is TrialState.SUCCEEDED else None
    positions, costs = zip(*sorted(by_position.items()), strict=True)
    return Curve(positions, costs, None if final is None else sign * final, not trial.stopped_early, trial.parameters)


def _position(measurement: Measurement, number: int, axis: CurveAxis) -> float | None:
    match axis:
        case CurveAxis.STEP:
            return float(measurement.step_count)
        case CurveAxis.ELAPSED:
            return measurement.elapsed_s
        case CurveAxis.COUNT:
            return float(number)
