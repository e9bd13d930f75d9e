"""Predict the final cost of a running trial from the curves of the trials before it.

A Gaussian process predicts the gain that is left from the present cost and its recent change. The final cost of a
complete run is known. That of a stopped run is predicted from the complete ones, and counts with the variance of that
prediction: stopped runs show how bad curves continue, complete runs mostly do not. Features, units and constants are
our own, chosen on recorded curves (benchmarks/early_stopping.py).

Shapes in this module: n labelled curves, m curves to predict, f = 3 features.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .curve import Curve, Curves
from .gain_model import predict

MIN_COMPLETE = 4
"""Without this many complete runs that are longer than the running trial nothing is predicted."""

MAX_COMPLETE = 32
MAX_STOPPED = 32
"""The model uses at most this many complete and stopped runs, the newest of each."""

VARIANCE_INFLATION = 2.0
"""A variance estimated from n runs is inflated by 1 + VARIANCE_INFLATION / n."""

LOOKBACK_FRACTIONS = (0.5, 0.8)
"""The features compare the present cost with the costs at these fractions of the way from the curve's start to now."""

MAX_LOG_EXCESS = 50.0
"""The logarithm of an expected cost is limited to this; beyond it the costs need not be distinguished."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of costs: `best`, the best final cost of all, is 0, and `best + scale` is 1.

    `scale` is how far the median of the complete runs' final costs is above the lowest of them.
    """

    best: float
    scale: float

    def of(self, cost: float) -> float:
        """Return a cost in this unit; above 1 on a logarithmic scale, 1 + log(excess).

        Runs that diverge differ by powers of ten, and how bad they are does not matter.
        """
        excess = (cost - self.best) / self.scale
        return 1 + math.log(excess) if excess > 1 else excess

    def cost(self, value: float) -> float:
        """Return the cost whose value in this unit is `value`: the inverse of `of`."""
        return self.best + self.scale * (math.exp(min(value - 1, MAX_LOG_EXCESS)) if value > 1 else value)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The mean and the standard deviation of a run's final cost, in the unit."""

    unit: Unit
    mean: float
    deviation: float

    @property
    def best(self) -> float:
        """The best final cost so far."""
        return self.unit.best

    @property
    def probability_of_best(self) -> float:
        """The probability that the final cost is lower than the best one: Phi(-mean / deviation)."""
        return 0.5 * math.erfc(self.mean / (self.deviation * math.sqrt(2)))

    @property
    def cost(self) -> float:
        """The expected final cost, but not below the best one."""
        return self.unit.cost(max(self.mean, 0.0))


@dataclass(frozen=True, slots=True)
class LabelledCurve:
    """A curve with its final cost in the unit, and the standard deviation of that cost, 0 for a complete run."""

    curve: Curve
    final: float
    deviation: float = 0.0


def predict_final_cost(curves: Curves) -> Prediction | None:
    """Return the prediction for the running trial; None if fewer than MIN_COMPLETE complete runs are longer."""
    now = curves.running.end
    longer = [curve for curve in curves.ended if curve.covers(now) and curve.end > now]
    finals = [(curve, curve.final) for curve in longer if curve.is_complete and curve.final is not None][-MAX_COMPLETE:]
    if len(finals) < MIN_COMPLETE:
        return None
    unit = _unit([final for _, final in finals], curves.ended)
    complete = [LabelledCurve(curve, unit.of(final)) for curve, final in finals]
    stopped = [curve for curve in longer if not curve.is_complete][-MAX_STOPPED:]
    ((mean, deviation),) = predict_finals([*complete, *_label_stopped(stopped, complete, unit)], [curves.running], unit)
    return Prediction(unit, mean, deviation)


def _unit(finals: Sequence[float], ended: Sequence[Curve]) -> Unit:
    best = min(curve.final for curve in ended if curve.final is not None)
    return Unit(best, statistics.median(finals) - min(finals) or abs(best) or 1.0)


def _label_stopped(stopped: Sequence[Curve], complete: Sequence[LabelledCurve], unit: Unit) -> Iterator[LabelledCurve]:
    """Yield stopped curves with predicted final costs, where at least MIN_COMPLETE complete runs are longer."""
    for end in sorted({curve.end for curve in stopped}):
        longer = [known for known in complete if known.curve.end > end]
        if len(longer) >= MIN_COMPLETE:
            there = [curve for curve in stopped if curve.end == end]
            yield from (
                LabelledCurve(curve, *final)
                for curve, final in zip(there, predict_finals(longer, there, unit), strict=True)
            )


def predict_finals(others: Sequence[LabelledCurve], curves: Sequence[Curve], unit: Unit) -> list[tuple[float, float]]:
    """Return mean and standard deviation of the final cost of each of the m `curves`, in the unit.

    The curves must have the same last position, which the n `others` must have passed.
    """
    import numpy as np

    now = curves[0].end
    features = np.array([_features(known.curve, now, unit) for known in others])
    at = np.array([_features(curve, now, unit) for curve in curves])
    gained = features[:, 0] - np.array([known.final for known in others])
    variances = np.array([known.deviation for known in others]) ** 2
    # A run whose final cost is uncertain counts as a fraction of a run.
    runs = (1 / (1 + variances / (gained.var() or 1.0))).sum()
    gains, deviations = predict(features, gained, variances, at)
    # A bad run is extrapolated from good ones, on a logarithmic scale: its loss is limited to the largest of theirs.
    finals = at[:, 0] - np.maximum(gains, min(gained.min(), 0.0))
    inflated = deviations * math.sqrt(1 + VARIANCE_INFLATION / runs)
    return [(float(final), float(deviation)) for final, deviation in zip(finals, inflated, strict=True)]


def _features(curve: Curve, now: float, unit: Unit) -> list[float]:
    """Return the f features: the cost at `now`, and how much higher the cost was at each lookback, in the unit."""
    start, cost = curve.positions[0], unit.of(curve.at(now))
    return [cost, *(unit.of(curve.at(start + part * (now - start))) - cost for part in LOOKBACK_FRACTIONS)]
