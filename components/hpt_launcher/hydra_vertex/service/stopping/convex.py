"""The convex rule: stop what could not become the best even if it went on as steeply as now.

A convex curve flattens, so that going on in a straight line overestimates what it will reach. Source: the description
of `ConvexAutomatedStoppingSpec` in the API, which leaves the slope and the regression to the service.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from hydra_vertex.job import ConvexStopping

from .curve import Curve, Curves

DEFAULT_LEAST_MEASUREMENTS = 5
DEFAULT_LEAST_SHARE = 0.1
"""The API's: a trial is left alone for one tenth of a run."""

RIDGE = 1e-3
"""Keeps the regression defined where curves are alike; in units of the features' variance."""


@dataclass(frozen=True, slots=True)
class ConvexLimits:
    """The rule's numbers. `longest` is where a run ends, `least` how far a trial must be; both on the curves' axis."""

    longest: float
    least: float
    least_measurements: int = DEFAULT_LEAST_MEASUREMENTS
    learning_rate: str = ""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Why a trial is to be stopped, and the cost that it would have come to."""

    reason: str
    predicted_cost: float


def limits_of(curves: Curves, spec: ConvexStopping) -> ConvexLimits | None:
    """The limits of a spec; what it leaves open is learnt from the whole curves or the API's default.

    None while there are no curves to learn from.
    """
    ends = [curve.end for curve in curves.whole]
    if not ends:
        return None
    longest = spec.max_step_count or statistics.median_high(ends)
    return ConvexLimits(
        longest=longest,
        least=spec.min_step_count or DEFAULT_LEAST_SHARE * longest,
        least_measurements=spec.min_measurement_count or DEFAULT_LEAST_MEASUREMENTS,
        learning_rate=spec.learning_rate_parameter_name,
    )


def hopeless(curves: Curves, limits: ConvexLimits) -> Hopeless | None:
    """Why the running trial is to be stopped, None when it may go on."""
    running, whole = curves.running, curves.whole
    if len(whole) <= limits.least_measurements or len(running.costs) < limits.least_measurements:
        return None
    if running.end <= limits.least or min(running.costs) == max(running.costs):
        return None
    best = min(curve.final for curve in whole if curve.final is not None)
    reach = overestimate(running, limits.longest)
    if reach <= best:
        return None
    reason = (
        f"even if it went on as steeply as at {curves.axis.value} {running.end:g} it would come to "
        f"{curves.value(reach):.6g}, which is worse than the best value {curves.value(best):.6g}"
    )
    return Hopeless(reason, max(reach, predict(curves, limits.longest, limits.learning_rate)))


def overestimate(curve: Curve, position: float) -> float:
    """The lowest cost that a convex curve can come to at a position: the best so far, less the slope's progress.

    The slope is the mean one of the curve's later half, which noise disturbs less than the last one.
    """
    middle = curve.positions[0] + (curve.end - curve.positions[0]) / 2
    slope = (curve.costs[-1] - curve.at(middle)) / (curve.end - middle) if curve.end > middle else 0.0
    return curve.best + min(slope, 0.0) * max(position - curve.end, 0.0)


def predict(curves: Curves, position: float, learning_rate: str = "") -> float:
    """The cost at a position: the cost now, and the change that a regression over the whole curves expects.

    The change is explained by the cost at the present point and, where `learning_rate` names a parameter, by its
    logarithm.
    """
    import numpy as np

    running = curves.running
    known = [curve for curve in curves.whole if curve.covers(running.end)]
    if not known:
        return running.costs[-1]
    now = [curve.at(running.end) for curve in known]
    change = np.array([curve.at(position) - cost for curve, cost in zip(known, now, strict=True)])
    features = np.array([_features(curve, cost, learning_rate) for curve, cost in zip(known, now, strict=True)])
    mean, spread = features.mean(axis=0), features.std(axis=0)
    scale = np.where(spread > 1e-9 * np.abs(mean), spread, np.inf)
    scaled = (features - mean) / scale
    gram = scaled.T @ scaled + RIDGE * len(known) * np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled.T @ (change - change.mean()))
    own = (np.array(_features(running, running.costs[-1], learning_rate)) - mean) / scale
    return float(running.costs[-1] + change.mean() + own @ weights)


def _features(curve: Curve, cost: float, learning_rate: str) -> list[float]:
    rate = curve.parameters.get(learning_rate)
    return [cost, math.log(rate)] if isinstance(rate, float) and rate > 0 else [cost, 0.0]
