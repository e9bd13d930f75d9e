"""The acquisition function of two objectives: the logarithm of the expected hypervolume improvement.

The hypervolume of a Pareto front is the area that it dominates, up to a reference point. A new point (a, b) adds the
area between the front's staircase and itself. With independent models of the objectives its expectation is a sum over
the steps of the staircase, of (EI(u[i+1]) - EI(u[i])) * EI(h[i]): EI is the expected improvement of one objective on a
value, u[i] to u[i+1] the step in the first objective, h[i] its height in the second.

Sources: Emmerich, Deutz and Klinkenberg, "Hypervolume-based Expected Improvement: Monotonicity Properties and Exact
Computation" (2011); of the average over sampled outcomes of running trials, Daulton, Balandat and Bakshy,
"Differentiable Expected Hypervolume Improvement for Parallel Multi-Objective Bayesian Optimization" (2020).

Shapes in this module: m rows, s samples of the running trials' outcomes, f steps, d encoded dimensions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, logsumexp

from .acquisition import log_density, log_h
from .encoding import Array
from .gaussian_process import Posterior
from .pareto import non_dominated

MARGIN = 0.1
"""The reference point is worse than the worst outcome by this part of the outcomes' spread, in each objective.

With the worst of the front in place of the worst of all, parts of the front that no trial has found yet are worth
nothing: in `benchmarks/several_objectives.py` its ends were missed.
"""

MAX_STEPS = 64
"""A front with more points is thinned to as many: the cost of a suggestion grows with their number."""

LOWEST_LOG = -700.0
HIGHEST_LOG = 50.0
"""Limits of the logarithm of a derivative."""


@dataclass(frozen=True, slots=True)
class Staircase:
    """The steps below a front in each sample. `ends` `(s, f)`: the upper ends u[1] to u[f]; `heights` `(s, f)`.

    The first step begins at minus infinity. A front with fewer steps than f is filled with steps of width 0.
    """

    ends: Array
    heights: Array


def staircase(outcomes: Array) -> Staircase:
    """Return the staircase of each sample; `outcomes` `(n, 2, s)` are minimised and finite."""
    fronts = [_front(sample) for sample in np.moveaxis(outcomes, 2, 0)]
    corner = reference_point(outcomes)
    steps = max(map(len, fronts)) + 1
    ends = np.full((len(fronts), steps), corner[0])
    heights = np.full((len(fronts), steps), corner[1])
    for index, front in enumerate(fronts):
        ends[index, : len(front)] = front[:, 0]
        heights[index, 1 : len(front) + 1] = front[:, 1]
    return Staircase(ends, heights)


def reference_point(outcomes: Array) -> Array:
    """Return the reference point `(2,)` of `outcomes` `(n, 2, s)`: the worst one and a margin, in each objective."""
    worst = outcomes.max(axis=(0, 2))
    spread = worst - outcomes.min(axis=(0, 2))
    return np.asarray(worst + MARGIN * np.where(spread > 0, spread, 1.0))


def _front(outcomes: Array) -> Array:
    """Return the non-dominated outcomes, ascending in the first objective: `(f, 2)`, f at most MAX_STEPS.

    Of more, every i-th one is kept, the first and the last among them.
    """
    front = np.unique(outcomes[non_dominated(outcomes)], axis=0)
    if len(front) <= MAX_STEPS:
        return np.asarray(front)
    return np.asarray(front[np.linspace(0, len(front) - 1, MAX_STEPS).round().astype(np.intp)])


@dataclass(frozen=True, slots=True)
class LogHypervolumeImprovement:
    """The log expected hypervolume improvement under two independent Gaussian processes, both minimised."""

    first: Posterior
    second: Posterior
    stairs: Staircase

    def __call__(self, rows: Array) -> Array:
        """Return the values `(m,)` at `rows` `(m, d)`."""
        (means1, deviations1), (means2, deviations2) = self.first.predict(rows), self.second.predict(rows)
        widths = _log_widths(_scores(self.stairs.ends, means1, deviations1), deviations1)
        heights = log_h(_scores(self.stairs.heights, means2, deviations2)) + np.log(deviations2)[:, None, None]
        return np.asarray(logsumexp(widths + heights, axis=(1, 2)) - math.log(len(self.stairs.ends)))

    def with_gradient(self, row: Array) -> tuple[float, Array]:
        """Return the value at one `row` `(d,)` and its gradient `(d,)` with respect to the row's cells.

        The derivatives of EI(u) = deviation * h(z) are -Phi(z) by the mean and phi(z) by the deviation.
        """
        means1, deviation1, mean_gradient1, deviation_gradient1 = self.first.predict_with_gradient(row)
        means2, deviation2, mean_gradient2, deviation_gradient2 = self.second.predict_with_gradient(row)
        z1 = (self.stairs.ends - means1[:, None]) / deviation1
        z2 = (self.stairs.heights - means2[:, None]) / deviation2
        widths = _log_widths(z1[None], np.array([deviation1]))[0]
        heights = log_h(z2) + math.log(deviation2)
        total = float(logsumexp(widths + heights))
        shares = np.exp(widths + heights - total)
        by_mean1 = -(shares * _ratio(_log_steps(log_ndtr(z1)), widths)).sum(axis=1)
        by_mean2 = -(shares * _ratio(log_ndtr(z2), heights)).sum(axis=1)
        by_deviation1 = float((shares * _density_steps(z1, widths)).sum())
        by_deviation2 = float((shares * _ratio(log_density(z2), heights)).sum())
        gradient = by_mean1 @ mean_gradient1 + by_deviation1 * deviation_gradient1
        gradient = gradient + by_mean2 @ mean_gradient2 + by_deviation2 * deviation_gradient2
        return total - math.log(len(self.stairs.ends)), np.asarray(gradient)


def _scores(values: Array, means: Array, deviations: Array) -> Array:
    """Return the standardised differences `(m, s, f)` of values `(s, f)` from means `(m, s)`."""
    return np.asarray((values[None] - means[:, :, None]) / deviations[:, None, None])


def _log_widths(scores: Array, deviations: Array) -> Array:
    """Return the log of EI(u[i+1]) - EI(u[i]) for the scores `(m, s, f)` of the upper ends; EI(u[0]) is 0."""
    return _log_steps(log_h(scores)) + np.log(deviations)[:, None, None]


def _log_steps(logs: Array) -> Array:
    """Return the log of the differences along the last axis of numbers given by their logs; the first is kept."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a step of width 0 has the logarithm minus infinity
        steps = logs[..., 1:] + np.log1p(-np.exp(np.minimum(logs[..., :-1] - logs[..., 1:], 0.0)))
    return np.concatenate([logs[..., :1], steps], axis=-1)


def _ratio(log_part: Array, log_whole: Array) -> Array:
    """Return the ratio of two numbers given by their logs, 0 where the second is 0."""
    with np.errstate(invalid="ignore"):
        ratio = np.exp(np.clip(log_part - log_whole, LOWEST_LOG, HIGHEST_LOG))
    return np.where(np.isfinite(log_whole), ratio, 0.0)


def _density_steps(scores: Array, log_widths: Array) -> Array:
    """Return (phi(z[i+1]) - phi(z[i])) / (EI(u[i+1]) - EI(u[i])) for the scores `(s, f)` of the upper ends."""
    logs = log_density(scores)
    below = np.concatenate([np.full((len(logs), 1), -np.inf), logs[:, :-1]], axis=1)
    return _ratio(logs, log_widths) - _ratio(below, log_widths)
