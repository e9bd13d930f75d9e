"""The decay curve rule: stop what will, in all likelihood, not end as the best.

A Gaussian process predicts from a curve so far what its run has still to gain, learning from the runs that came to
their own end. Source of the rule: Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017,
section 3.2.1, and `DecayCurveAutomatedStoppingSpec` in the API; the features, the kernel and the threshold are ours,
chosen on recorded curves (benchmarks/early_stopping.py).
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .curve import Curve, Curves

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

LEAST_WHOLE = 4
"""Runs that must have come to their own end first: from fewer nothing can be learnt."""

LEAST_MEASUREMENTS = 2
LEAST_PROBABILITY = 0.01
"""A trial goes on while it is at least as likely as this to end as the best."""

FEW_RUNS = 2.0
"""The process knows nothing of the doubt about its own kernel: from so many runs the variance is taken as double."""

MOST_WHOLE = 64
LOOK_BACK = 0.5
MOST_EXCESS = 50.0
"""Of the logarithm of a cost that is expected; beyond it there is nothing to choose."""

LENGTH_SCALES = (0.5, 1.0, 2.0, 4.0)
NOISES = (0.03, 0.1, 0.3)
"""Kernel parameters to choose from, by marginal likelihood: in standard deviations of the features and the gain."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run will come to: mean and standard deviation of its excess over the best final cost, squashed."""

    best: float
    scale: float
    mean: float
    deviation: float

    @property
    def chance_to_be_best(self) -> float:
        """The probability that the final cost is lower than the best one."""
        return 0.5 * math.erfc(self.mean / (self.deviation * math.sqrt(2)))

    @property
    def cost(self) -> float:
        """The expected final cost, not below the best one."""
        return self.best + self.scale * max(_unsquash(self.mean), 0.0)


def unlikely_best(curves: Curves) -> str | None:
    """Why the running trial is to be stopped; None when it may go on."""
    running = curves.running
    if len(running.costs) < LEAST_MEASUREMENTS:
        return None
    outlook = outlook_of(curves)
    if outlook is None or outlook.chance_to_be_best >= LEAST_PROBABILITY:
        return None
    return (
        f"with {curves.value(running.costs[-1]):.6g} at {curves.axis.value} {running.end:g}, its chance to end better "
        f"than the best value {curves.value(outlook.best):.6g} is {outlook.chance_to_be_best:.2g}"
    )


def outlook_of(curves: Curves) -> Outlook | None:
    """The outlook of the running trial; None while too few whole runs have been where it is."""
    import numpy as np

    running, now = curves.running, curves.running.end
    known = [curve for curve in curves.whole if curve.covers(now) and curve.end > now][-MOST_WHOLE:]
    if len(known) < LEAST_WHOLE:
        return None
    best = min(curve.final for curve in curves.ended if curve.final is not None)
    finals = [curve.final for curve in known if curve.final is not None]
    scale = statistics.median(finals) - min(finals) or abs(best) or 1.0
    features = np.array([_features(curve, now, best, scale) for curve in (*known, running)])
    gains = features[:-1, 0] - np.array([_squash(final, best, scale) for final in finals])
    gain, deviation = _posterior(features[:-1], gains, features[-1])
    return Outlook(best, scale, features[-1][0] - gain, deviation * math.sqrt(1 + FEW_RUNS / len(known)))


def _features(curve: Curve, now: float, best: float, scale: float) -> list[float]:
    """Where the curve is, and how far it has come lately."""
    start = curve.positions[0]
    before = start + (now - start) * LOOK_BACK
    cost = _squash(curve.at(now), best, scale)
    return [cost, _squash(curve.at(before), best, scale) - cost]


def _squash(cost: float, best: float, scale: float) -> float:
    """A cost relative to the best, in units of `scale`; logarithmic beyond one unit on the bad side.

    Runs that diverge are off by powers of ten; how bad they are is of no interest.
    """
    excess = (cost - best) / scale
    return 1 + math.log(excess) if excess > 1 else excess


def _unsquash(excess: float) -> float:
    return math.exp(min(excess - 1, MOST_EXCESS)) if excess > 1 else excess


def _posterior(features: Array, gains: Array, at: Array) -> tuple[float, float]:
    """Mean and standard deviation of the gain at a point, by a Gaussian process with a squared exponential kernel."""
    import numpy as np

    centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    inputs, point = (features - centre) / spread, (at - centre) / spread
    mean_gain, gain_spread = float(gains.mean()), float(gains.std()) + 1e-9
    targets = (gains - mean_gain) / gain_spread
    distances = ((inputs[:, None] - inputs[None]) ** 2).sum(axis=-1)
    to_point = ((inputs - point) ** 2).sum(axis=-1)
    best_fit, mean, variance = -math.inf, 0.0, 1.0
    for length in LENGTH_SCALES:
        kernel = np.exp(-distances / (2 * length**2))
        cross = np.exp(-to_point / (2 * length**2))
        for noise in NOISES:
            factor = np.linalg.cholesky(kernel + noise * np.eye(len(targets)))
            white, white_cross = np.linalg.solve(factor, np.column_stack([targets, cross])).T
            fit = -0.5 * white @ white - np.log(np.diag(factor)).sum()
            if fit > best_fit:
                best_fit, mean = fit, float(white_cross @ white)
                variance = 1 + noise - float(white_cross @ white_cross)
    return mean_gain + gain_spread * mean, gain_spread * math.sqrt(max(variance, 1e-9))
