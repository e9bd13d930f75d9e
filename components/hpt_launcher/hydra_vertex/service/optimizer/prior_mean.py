"""A prior mean for the new study's model, learned from earlier studies and trusted as far as it ranks the new trials.

Each earlier study has a Gaussian process of its own. The mean of the new study's process is a weighted sum of their
predictions, and the process models what remains: a stack of two processes (Golovin et al., "Google Vizier: A Service
for Black-Box Optimization", 2017, section 3.3). The weights are those of a ranking-weighted ensemble (Feurer, Letham,
Hutter and Bakshy, "Practical Transfer Learning for Bayesian Optimization", 2018): how often, in resamples of the new
trials, an earlier study ranks them better than the others, than the new trials' own model does when each is left out,
and than random orders. A study of another function loses its weight, and none is left where all rank worse.

Shapes in this module: n new trials, d encoded dimensions, m rows, k earlier studies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from .encoding import Array, Encoding
from .gaussian_process import Posterior, posterior
from .hyperparameters import fit_hyperparameters
from .other_study import EarlierStudy
from .outcomes import informative, outcomes_of

MIN_TRIALS = 3
"""An earlier study with fewer trials that have a value has no model."""

MAX_TRIALS = 200
"""Trials of an earlier study that are modelled: the cost grows with the cube of their number."""

MAX_NEW_TRIALS = 100
"""With more new trials that have a value, the earlier studies are left out: the own model knows more, and is faster."""

RESAMPLES = 200
RANDOM_ORDERS = 3
"""Random orders of the trials, with the best of which an earlier study is compared in each resample."""

SLOPE_VARIANCE = 1.0
RESIDUAL_VARIANCE = 0.5
"""Of the regression of the new outcomes on the ensemble's prediction: the slope has the prior mean 1."""


@dataclass(frozen=True, slots=True)
class StudyModel:
    """The process of one earlier study over the parameters that it shares with the new one."""

    columns: NDArray[np.intp]
    process: Posterior

    def mean(self, rows: Array) -> Array:
        """Return the predicted outcomes `(m,)` at `rows` `(m, d)`, standardised within the earlier study."""
        return np.asarray(self.process.predict(rows[:, self.columns])[0][:, 0])

    def gradient(self, row: Array) -> Array:
        """Return the gradient `(d,)` of the prediction at one `row` `(d,)`."""
        full = np.zeros(len(row))
        full[self.columns] = self.process.predict_with_gradient(row[self.columns])[2][0]
        return full


@dataclass(frozen=True, slots=True)
class PriorMean:
    """The mean `intercept + sum of weights * predictions`; `weights` `(k,)` are not negative."""

    models: tuple[StudyModel, ...]
    weights: Array
    intercept: float

    def at(self, rows: Array) -> Array:
        """Return the mean `(m,)` at `rows` `(m, d)`."""
        total = np.full(len(rows), self.intercept)
        for weight, model in zip(self.weights, self.models, strict=True):
            if weight > 0:
                total += weight * model.mean(rows)
        return total

    def gradient(self, row: Array) -> Array:
        """Return the gradient `(d,)` of the mean at one `row` `(d,)`."""
        total = np.zeros(len(row))
        for weight, model in zip(self.weights, self.models, strict=True):
            if weight > 0:
                total += weight * model.gradient(row)
        return total


@dataclass(frozen=True, slots=True)
class ShiftedPosterior:
    """The posterior of the residuals plus the prior mean: a posterior of the outcomes."""

    residuals: Posterior
    prior: PriorMean

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return means `(m, s)` and standard deviations `(m,)` at `rows` `(m, d)`."""
        means, deviations = self.residuals.predict(rows)
        return means + self.prior.at(rows)[:, None], deviations

    def predict_with_gradient(self, row: Array) -> tuple[Array, float, Array, Array]:
        """Return means `(s,)`, standard deviation, and their gradients `(s, d)` and `(d,)` at one `row` `(d,)`."""
        means, deviation, mean_gradient, deviation_gradient = self.residuals.predict_with_gradient(row)
        shift = float(self.prior.at(row[None, :])[0])
        return means + shift, deviation, mean_gradient + self.prior.gradient(row), deviation_gradient


def study_models(encoding: Encoding, studies: Sequence[EarlierStudy]) -> tuple[StudyModel, ...]:
    """Return a model of each study that has MIN_TRIALS values in the new space, not all of them equal."""
    found = []
    for study in studies:
        values = study.losses[np.isfinite(study.losses)]
        if len(values) < MIN_TRIALS or values.min() == values.max():
            continue
        columns = np.flatnonzero(study.shared)
        kept = informative(study.losses, MAX_TRIALS)
        rows, categories = study.rows[kept][:, columns], encoding.categories[columns]
        outcomes = outcomes_of(study.losses[kept])
        found.append(
            StudyModel(columns, posterior(rows, outcomes, categories, fit_hyperparameters(rows, outcomes, categories)))
        )
    return tuple(found)


def prior_mean(
    models: tuple[StudyModel, ...],
    own: Posterior,
    outcomes: Array,
    feasible: NDArray[np.bool_],
    rng: np.random.Generator,
) -> PriorMean | None:
    """Return the mean for the new study's outcomes `(n,)` at the rows of its `own` process.

    None without any trust, and with more than MAX_NEW_TRIALS values.
    `feasible` `(n,)`: which trials have a value; only these are ranked.
    """
    ranked = np.flatnonzero(feasible)
    if len(ranked) > MAX_NEW_TRIALS:
        return None
    predictions = np.array([model.mean(own.rows[ranked]) for model in models])
    shares = ranking_weights(predictions, left_out_means(own, outcomes)[ranked], outcomes[ranked], rng)
    trust = float(shares.sum())
    if not trust:
        return None
    ensemble = shares @ predictions / trust
    centred = ensemble - ensemble.mean()
    precision = float(centred @ centred) / RESIDUAL_VARIANCE + 1.0 / SLOPE_VARIANCE
    slope = (float(centred @ outcomes[ranked]) / RESIDUAL_VARIANCE + 1.0 / SLOPE_VARIANCE) / precision
    weights = max(slope, 0.0) * shares
    level = float(outcomes[ranked].mean()) * trust
    return PriorMean(models, weights, level - float((weights @ predictions).mean()))


def ranking_weights(predictions: Array, own: Array, outcomes: Array, rng: np.random.Generator) -> Array:
    """Return the weight `(k,)` of each earlier study: the share of resamples of the trials that it ranks best.

    `predictions` are `(k, n)`, the `own` left-out predictions and `outcomes` `(n,)`.
    """
    n, weights = len(outcomes), np.zeros(len(predictions))
    wrong = np.array([_misordered(candidate, outcomes) for candidate in (*predictions, own)])
    pairs = (outcomes[:, None] != outcomes[None, :]).astype(float)
    for _ in range(RESAMPLES):
        counts = rng.multinomial(n, np.full(n, 1.0 / n)).astype(float)
        total = counts @ pairs @ counts
        if not total:
            continue
        orders = [_misordered(rng.permutation(n).astype(float), outcomes) for _ in range(RANDOM_ORDERS)]
        chance = min(float(counts @ order @ counts / total) for order in orders)
        losses = wrong @ counts @ counts / total
        leaders = np.flatnonzero(losses[:-1] <= losses.min())
        if losses.min() < chance and len(leaders):
            weights[leaders] += 1.0 / len(leaders)
    return weights / RESAMPLES


def _misordered(predicted: Array, outcomes: Array) -> Array:
    """Return which pairs of trials `(n, n)` are predicted in the wrong order; a tie in the prediction counts half."""
    signs = np.sign(predicted[:, None] - predicted[None, :]) * np.sign(outcomes[:, None] - outcomes[None, :])
    differ = outcomes[:, None] != outcomes[None, :]
    return np.where(differ, (1.0 - signs) / 2.0, 0.0)


def left_out_means(process: Posterior, outcomes: Array) -> Array:
    """Return the prediction of each outcome `(n,)` by the process without it.

    Source: Rasmussen and Williams (2006), equation 5.12.
    """
    inverse = cho_solve((process.lower, True), np.eye(len(outcomes)), check_finite=False)
    return np.asarray(outcomes - process.weights[:, 0] / np.diag(inverse))
