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
LABEL_NOISE = 0.05


@dataclass(frozen=True, slots=True)
class LogExpectedImprovement:
    """Of a process with outcomes to minimise. `best` has the least value for each guess."""

    process: Posterior
    best: Matrix
    feasible: Posterior | None = None

    def __call__(self, rows: Matrix) -> Matrix:
        """The value at each row."""
        means, deviations = self.process.predict(rows)
        scores = (self.best - means) / deviations[:, None]
        improvement = logsumexp(log_h(scores), axis=1) + np.log(deviations) - math.log(len(self.best))
        if self.feasible is None:
            return np.asarray(improvement)
        means, deviations = self.feasible.predict(rows)
        return np.asarray(improvement + log_ndtr(means[:, 0] / np.sqrt(deviations**2 + LABEL_NOISE)))

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
        value = float(total + math.log(deviation) - math.log(len(self.best)))
        if self.feasible is None:
            return value, slopes
        mean, deviation, mean_slopes, deviation_slopes = self.feasible.predict_with_slopes(row)
        spread = math.sqrt(deviation**2 + LABEL_NOISE)
        score = mean[0] / spread
        log_share = float(log_ndtr(score))
        rate = math.exp(float(_log_density(score)) - log_share)
        slopes = slopes + rate * (mean_slopes[0] / spread - score * deviation * deviation_slopes / spread**2)
        return value + log_share, slopes


def log_h(scores: Matrix) -> Matrix:
    """log(phi(z) + z Phi(z)), accurate where the sum itself would cancel or vanish."""
    z = np.maximum(scores, FAR)
    density = _log_density(z)
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.log(np.exp(density) + z * np.exp(log_ndtr(z)))
        middle = density + np.log1p(z * np.exp(log_ndtr(z) - density))
        far = density - 2.0 * np.log(-z)
    return np.asarray(np.where(z > -1.0, near, np.where(z > -3e2, middle, far)))


def _log_density(scores: Matrix) -> Matrix:
    return np.asarray(-0.5 * np.square(scores) - LOG_SQRT_2PI)
