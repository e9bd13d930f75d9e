"""The acquisition function: the logarithm of the expected improvement, averaged over samples of the running trials.

Sources: of the expected improvement, Jones, Schonlau and Welch, "Efficient Global Optimization of Expensive Black-Box
Functions" (1998); of its logarithm and the numerically stable form, Ament et al., "Unexpected Improvements to Expected
Improvement for Bayesian Optimization" (2023); of the average over sampled outcomes of running trials, Snoek, Larochelle
and Adams, "Practical Bayesian Optimization of Machine Learning Algorithms" (2012).

Shapes in this module: m rows, s samples of the running trials' outcomes, d encoded dimensions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, logsumexp

from .encoding import Array
from .gaussian_process import Posterior
from .prior_mean import ShiftedPosterior

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
MIN_SCORE = -1e4
"""Lower scores are raised to this one, so that their squares and logarithms stay finite."""


@dataclass(frozen=True, slots=True)
class LogExpectedImprovement:
    """The log expected improvement under a Gaussian process whose outcomes are minimised.

    `best` `(s,)` is the lowest outcome in each sample of the running trials; s is 1 when no trial is running.
    """

    posterior: Posterior | ShiftedPosterior
    best: Array

    def __call__(self, rows: Array) -> Array:
        """Return the values `(m,)` at `rows` `(m, d)`: log mean over the samples of deviation * h(score)."""
        means, deviations = self.posterior.predict(rows)
        scores = (self.best - means) / deviations[:, None]
        return np.asarray(logsumexp(log_h(scores), axis=1) + np.log(deviations) - math.log(len(self.best)))

    def with_gradient(self, row: Array) -> tuple[float, Array]:
        """Return the value at one `row` `(d,)` and its gradient `(d,)` with respect to the row's cells.

        The gradient follows from h'(z) = Phi(z), h(z) - z h'(z) = phi(z) and the chain rule.
        """
        means, deviation, mean_gradient, deviation_gradient = self.posterior.predict_with_gradient(row)
        scores = (self.best - means) / deviation
        logs = log_h(scores)
        total = logsumexp(logs)
        shares = np.exp(logs - total)
        by_deviation = np.exp(np.clip(log_density(scores) - logs, -700, 50)) @ shares
        by_mean = np.exp(np.clip(log_ndtr(scores) - logs, -700, 50)) * shares
        gradient = (by_deviation * deviation_gradient - by_mean @ mean_gradient) / deviation
        return float(total + math.log(deviation) - math.log(len(self.best))), gradient


def log_h(scores: Array) -> Array:
    """Return log(phi(z) + z Phi(z)) of each score z, of any shape; the result has the same shape.

    phi and Phi are the density and the distribution function of the standard normal distribution. For a negative z the
    plain formula loses precision to cancellation, and below about -38 it underflows. The three branches are those of
    Ament et al. (2023) for the analytic LogEI; the middle one is written with log Phi and used down to -300.
    """
    z = np.maximum(scores, MIN_SCORE)
    density = log_density(z)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # in the branches that are not selected
        near = np.log(np.exp(density) + z * np.exp(log_ndtr(z)))
        middle = density + np.log1p(z * np.exp(log_ndtr(z) - density))
        far = density - 2.0 * np.log(-z)
    return np.asarray(np.where(z > -1.0, near, np.where(z > -3e2, middle, far)))


def log_density(scores: Array) -> Array:
    """Return the log density of the standard normal distribution at scores of any shape."""
    return np.asarray(-0.5 * np.square(scores) - LOG_SQRT_2PI)
