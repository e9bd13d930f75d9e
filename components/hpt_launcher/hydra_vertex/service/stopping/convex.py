"""The convex rule: stop a trial that would not become the best even if it kept its present slope.

A convex learning curve flattens, so a straight line from its present slope overestimates the progress still to come.
Source: the description of `ConvexAutomatedStoppingSpec` in the API. It leaves the slope and the regression to the
service; those here are our own.

Shapes in this module: n complete curves, f features (the present cost and the logarithm of the learning rate).
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from hydra_vertex.job import ConvexStopping

from .curve import Curve, Curves

DEFAULT_MIN_MEASUREMENTS = 5
DEFAULT_MIN_SHARE = 0.1
"""The API's default: no trial is stopped in the first tenth of a run."""

RIDGE = 1e-3
"""The ridge penalty for each run, in units of the features' variance: the regression is defined if all are equal."""


@dataclass(frozen=True, slots=True)
class ConvexLimits:
    """The numbers of the rule.

    `end` is the position where a run ends, `min_position` the one that a trial must have passed; both are on the
    curves' axis. A trial needs `min_measurements` measurements, and the number of complete runs must exceed the same
    number. `learning_rate` is the name of a parameter; empty for none.
    """

    end: float
    min_position: float
    min_measurements: int = DEFAULT_MIN_MEASUREMENTS
    learning_rate: str = ""


@dataclass(frozen=True, slots=True)
class ConvexStop:
    """The reason for which a trial is stopped, and its predicted final cost."""

    reason: str
    predicted_cost: float


def limits_of(curves: Curves, spec: ConvexStopping) -> ConvexLimits | None:
    """Return the limits of a spec. A missing one is derived from the complete curves, or is the API's default.

    None if there is no complete curve.
    """
    ends = [curve.end for curve in curves.complete]
    if not ends:
        return None
    end = spec.max_step_count or statistics.median_high(ends)
    return ConvexLimits(
        end=end,
        min_position=spec.min_step_count or DEFAULT_MIN_SHARE * end,
        min_measurements=spec.min_measurement_count or DEFAULT_MIN_MEASUREMENTS,
        learning_rate=spec.learning_rate_parameter_name,
    )


def convex_stop(curves: Curves, limits: ConvexLimits) -> ConvexStop | None:
    """Return the reason to stop the running trial and its predicted cost; None if it continues."""
    running, complete = curves.running, curves.complete
    if len(complete) <= limits.min_measurements or len(running.costs) < limits.min_measurements:
        return None
    if running.end <= limits.min_position or min(running.costs) == max(running.costs):
        return None
    best = min(curve.final for curve in complete if curve.final is not None)
    bound = lower_bound(running, limits.end)
    if bound <= best:
        return None
    reason = (
        f"if it kept the slope of its later half after {curves.axis.value} {running.end:g}, it would reach "
        f"{curves.value(bound):.6g}, which is worse than the best value {curves.value(best):.6g}"
    )
    return ConvexStop(reason, max(bound, predict(curves, limits.end, limits.learning_rate)))


def lower_bound(curve: Curve, position: float) -> float:
    """Return the lowest cost that a convex curve can reach at a position: its best cost plus slope times distance.

    The slope is the mean slope over the later half of the curve, which is less noisy than the last difference; a
    positive one counts as 0.
    """
    middle = curve.positions[0] + (curve.end - curve.positions[0]) / 2
    slope = (curve.costs[-1] - curve.at(middle)) / (curve.end - middle) if curve.end > middle else 0.0
    return curve.best + min(slope, 0.0) * max(position - curve.end, 0.0)


def predict(curves: Curves, position: float, learning_rate: str = "") -> float:
    """Return the predicted cost of the running trial at a position: its present cost plus the expected change.

    The change is regressed on the features of the complete curves `(n, f)`: the cost at the present position, and the
    logarithm of the parameter named by `learning_rate`, if any. Ridge regression on standardised features: Hastie,
    Tibshirani and Friedman, "The Elements of Statistical Learning" (2009), equation 3.44.
    """
    import numpy as np

    running = curves.running
    known = [curve for curve in curves.complete if curve.covers(running.end)]
    if not known:
        return running.costs[-1]
    now = [curve.at(running.end) for curve in known]
    change = np.array([curve.at(position) - cost for curve, cost in zip(known, now, strict=True)])
    features = np.array([_features(curve, cost, learning_rate) for curve, cost in zip(known, now, strict=True)])
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    scale = np.where(deviation > 1e-9 * np.abs(mean), deviation, np.inf)
    scaled = (features - mean) / scale
    gram = scaled.T @ scaled + RIDGE * len(known) * np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled.T @ (change - change.mean()))
    own = (np.array(_features(running, running.costs[-1], learning_rate)) - mean) / scale
    return float(running.costs[-1] + change.mean() + own @ weights)


def _features(curve: Curve, cost: float, learning_rate: str) -> list[float]:
    """Return the f features of a curve: the cost, and the logarithm of its learning rate, 0 without one."""
    rate = curve.parameters.get(learning_rate)
    return [cost, math.log(rate)] if isinstance(rate, float) and rate > 0 else [cost, 0.0]
