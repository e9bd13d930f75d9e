"""How much a trial is expected to improve on the best, as a logarithm, averaged over guesses about running trials.

The logarithm and its stable form are from Ament et al., "Unexpected Improvements to Expected Improvement for Bayesian
Optimization" (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, logsumexp

from .encoding import Matrix
from .gaussian_process import Posterior

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
FAR = -1e4


@dataclass(frozen=True, slots=True)
class LogExpectedImprovement:
    """Of a process with outcomes to minimise. `best` has the least value for each guess."""

    process: Posterior
    best: Matrix

    def __call__(self, rows: Matrix) -> Matrix:
        """The value at each row."""
        means, deviations = self.process.predict(rows)
        scores = (self.best - means) / deviations[:, None]
        return np.asarray(logsumexp(log_h(scores), axis=1) + np.log(deviations) - math.log(len(self.best)))

    def with_slopes(self, row: Matrix) -> tuple[float, Matrix]:
        """The value at one row and its derivatives by the row's cells."""
        means, deviation, mean_slopes, deviation_slopes = self.process.predict_with_slopes(row)
        scores = (self.best - means) / deviation
        logs = log_h(scores)
        total = logsumexp(logs)
        shares = np.exp(logs - total)
        by_deviation = np.exp(np.clip(_log_density(scores) - logs, -700, 50)) @ shares
        by_mean = np.exp(np.clip(log_ndtr(scores) - logs, -700, 50)) * shares
        slopes = (by_deviation * deviation_slopes - by_mean @ mean_slopes) / deviation
        return float(total + math.log(deviation) - math.log(len(self.best))), slopes


def log_h(scores: Matrix) -> Matrix:
    """log(phi(z) + z Phi(z)), accurate where the sum itself would cancel or vanish."""
    z = np.maximum(scores, FAR)
    density = _log_density(z)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # in the branches that are not taken
        near = np.log(np.exp(density) + z * np.exp(log_ndtr(z)))
        middle = density + np.log1p(z * np.exp(log_ndtr(z) - density))
        far = density - 2.0 * np.log(-z)
    return np.asarray(np.where(z > -1.0, near, np.where(z > -3e2, middle, far)))


def _log_density(scores: Matrix) -> Matrix:
    return np.asarray(-0.5 * np.square(scores) - LOG_SQRT_2PI)
