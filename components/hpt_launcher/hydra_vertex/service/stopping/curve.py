"""What trials have reported, as curves of costs: the lower, the better, whichever way the goal goes."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from hydra_vertex.job import Goal, Measurement, MetricSpec, ParameterValue, Trial, TrialState
from hydra_vertex.service.measurements.history import WHOLE_LIMIT, last_attempt


class CurveAxis(Enum):
    """What a curve runs over. The value completes "at ... 7"."""

    STEP = "step"
    ELAPSED = "second"
    COUNT = "measurement"


@dataclass(frozen=True, slots=True)
class Curve:
    """Costs over strictly ascending positions: steps, seconds, or numbers of measurements.

    `final` is the cost at which the trial was judged; None while it runs. `is_whole` says that it ran to its own end.
    """

    positions: tuple[float, ...]
    costs: tuple[float, ...]
    final: float | None = None
    is_whole: bool = False
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """The last position."""
        return self.positions[-1]

    @property
    def best(self) -> float:
        """The lowest cost so far."""
        return min(self.costs)

    def covers(self, position: float) -> bool:
        """Whether the cost at a position is known, or lies between two that are."""
        return self.positions[0] <= position <= self.positions[-1]

    def at(self, position: float) -> float:
        """The cost at a position, on the straight line between its neighbours; beyond the ends, the end's."""
        after = bisect_right(self.positions, position)
        if after == 0 or after == len(self.positions):
            return self.costs[max(after - 1, 0)]
        x0, x1 = self.positions[after - 1 : after + 1]
        y0, y1 = self.costs[after - 1 : after + 1]
        return y0 + (y1 - y0) * (position - x0) / (x1 - x0)

    def mean_until(self, position: float) -> float | None:
        """The average of the costs reported up to a position, inclusive; None when there is none."""
        known = self.costs[: bisect_right(self.positions, position)]
        return statistics.fmean(known) if known else None


@dataclass(frozen=True, slots=True)
class Curves:
    """The curve of the trial in question, and those of all trials that ended with a value, oldest first."""

    running: Curve
    ended: tuple[Curve, ...]
    axis: CurveAxis
    goal: Goal

    def value(self, cost: float) -> float:
        """A cost as the metric has it."""
        return cost if self.goal is Goal.MINIMIZE else -cost

    @property
    def whole(self) -> tuple[Curve, ...]:
        """The curves of the trials that ran to their own end."""
        return tuple(curve for curve in self.ended if curve.is_whole)


def curves_of(running: Trial, trials: Sequence[Trial], metric: MetricSpec, axis: CurveAxis | None) -> Curves | None:
    """The curves that a rule needs, among `trials` as far as they have ended with a value; axis None: what fits best.

    None while the running trial has nothing to be judged by.
    """
    ended = [trial for trial in trials if trial.state is TrialState.SUCCEEDED and trial.id != running.id]
    axis = axis or _axis_of(running, ended)
    own = _curve(running, metric, axis)
    others = [curve for trial in ended if (curve := _curve(trial, metric, axis)) is not None]
    return None if own is None else Curves(own, tuple(others), axis, metric.goal)


def _axis_of(running: Trial, ended: Sequence[Trial]) -> CurveAxis:
    """Steps, or the number of measurements where that is what the runs have in common.

    Runs of a batch size that is searched differ in their steps but not in how often they validate: the axis is the one
    on which the runs that came to their own end agree better. Some apps report no steps at all.
    """
    if any(_repeats_steps(trial) for trial in (running, *ended)):
        return CurveAxis.COUNT
    whole = [last_attempt(trial) for trial in ended if not trial.stopped_early and trial.measurements]
    counts = [len(measurements) for measurements in whole]
    # Of a longer curve not all is recorded, and the numbers say nothing.
    if len(whole) < 2 or max(counts) >= WHOLE_LIMIT:
        return CurveAxis.STEP
    steps = [measurements[-1].step_count for measurements in whole]
    return CurveAxis.COUNT if _spread(counts) < _spread(steps) else CurveAxis.STEP


def _repeats_steps(trial: Trial) -> bool:
    measurements = last_attempt(trial)
    return len({measurement.step_count for measurement in measurements}) < len(measurements)


def _spread(values: Sequence[int]) -> float:
    mean = statistics.fmean(values)
    return statistics.pstdev(values) / mean if mean else 0.0


def _curve(trial: Trial, metric: MetricSpec, axis: CurveAxis) -> Curve | None:
    sign = 1.0 if metric.goal is Goal.MINIMIZE else -1.0
    placed = {
        position: sign * measurement.metrics[metric.id]
        for number, measurement in enumerate(last_attempt(trial), start=1)
        if metric.id in measurement.metrics and (position := _position(measurement, number, axis)) is not None
    }
    if not placed:
        return None
    final = trial.objective(metric.id) if trial.state is TrialState.SUCCEEDED else None
    positions, costs = zip(*sorted(placed.items()), strict=True)
    return Curve(positions, costs, None if final is None else sign * final, not trial.stopped_early, trial.parameters)


def _position(measurement: Measurement, number: int, axis: CurveAxis) -> float | None:
    match axis:
        case CurveAxis.STEP:
            return float(measurement.step_count)
        case CurveAxis.ELAPSED:
            return measurement.elapsed_s
        case CurveAxis.COUNT:
            return float(number)
