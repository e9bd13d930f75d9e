"""A Gaussian process given what is known, with several guesses of what the running trials will bring."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from .encoding import Matrix
from .hyperparameters import Hyperparameters
from .kernel import matern, matern_slope, scaled_distances

JITTER = 1e-9


@dataclass(frozen=True, slots=True)
class Posterior:
    """The process after its data. `weights` has a column for each guess, or one where nothing is guessed."""

    rows: Matrix
    categories: NDArray[np.bool_]
    hyperparameters: Hyperparameters
    lower: Matrix
    weights: Matrix

    def predict(self, rows: Matrix) -> tuple[Matrix, Matrix]:
        """The means (rows, guesses) and the standard deviations (rows), without the noise of an outcome."""
        cross = self.cross(rows)
        half = solve_triangular(self.lower, cross.T, lower=True, check_finite=False)
        variance = self.hyperparameters.amplitude - np.square(half).sum(0)
        return cross @ self.weights, np.sqrt(np.maximum(variance, 1e-14))

    def predict_with_slopes(self, row: Matrix) -> tuple[Matrix, float, Matrix, Matrix]:
        """At one row: means, deviation, and their derivatives by its cells: (guesses, cells) and (cells)."""
        h = self.hyperparameters
        squared = scaled_distances(row[None, :], self.rows, self.categories, h.lengthscales)[0]
        cross = h.amplitude * matern(squared)
        slopes = (2.0 * h.amplitude * matern_slope(squared))[:, None] * (row - self.rows) / h.lengthscales**2
        solved = cho_solve((self.lower, True), cross, check_finite=False)
        deviation = math.sqrt(max(h.amplitude - float(cross @ solved), 1e-14))
        return cross @ self.weights, deviation, self.weights.T @ slopes, -(solved @ slopes) / deviation

    def cross(self, rows: Matrix) -> Matrix:
        """The prior covariance of other rows with those that are known."""
        squared = scaled_distances(rows, self.rows, self.categories, self.hyperparameters.lengthscales)
        return self.hyperparameters.amplitude * matern(squared)


def posterior(
    rows: Matrix, outcomes: Matrix, categories: NDArray[np.bool_], hyperparameters: Hyperparameters
) -> Posterior:
    """The process after outcomes at rows: one column, or one for each guess."""
    h = hyperparameters
    covariance = h.amplitude * matern(scaled_distances(rows, rows, categories, h.lengthscales))
    covariance[np.diag_indices(len(rows))] += h.noise + JITTER * h.amplitude
    lower = cholesky(covariance, lower=True, check_finite=False)
    columns = outcomes.reshape(len(rows), -1)
    return Posterior(rows, categories, h, lower, cho_solve((lower, True), columns, check_finite=False))


def guess(known: Posterior, running: Matrix, count: int, source: np.random.Generator) -> Matrix:
    """What running trials may bring, jointly: (running, count) draws from the process."""
    h = known.hyperparameters
    means, _ = known.predict(running)
    half = solve_triangular(known.lower, known.cross(running).T, lower=True, check_finite=False)
    prior = h.amplitude * matern(scaled_distances(running, running, known.categories, h.lengthscales))
    covariance = prior - half.T @ half + (h.noise + 1e-8 * h.amplitude) * np.eye(len(running))
    values, vectors = np.linalg.eigh(covariance)
    normal = source.standard_normal((len(running), count // 2))
    draws = (vectors * np.sqrt(np.maximum(values, 0.0))) @ np.hstack([normal, -normal])
    return np.asarray(means[:, :1] + draws)
