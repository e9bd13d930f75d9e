"""From recorded trials to the acquisition function: outcomes, hyperparameters, samples of the running trials.

Shapes in this module: n modelled trials, r running trials, d encoded dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .acquisition import LogExpectedImprovement
from .encoding import Array
from .gaussian_process import posterior, sample_outcomes
from .hyperparameters import fit_hyperparameters
from .outcomes import informative, outcomes_of
from .prior_mean import ShiftedPosterior, StudyModel, prior_mean

SAMPLES = 16
"""Joint samples of the running trials' outcomes."""

MAX_FITTED = 200
"""The hyperparameters are fitted to at most this many trials: the cost grows with the cube of their number."""


def expected_improvement(
    rows: Array,
    losses: Array,
    running: Array,
    categories: NDArray[np.bool_],
    rng: np.random.Generator,
    earlier: tuple[StudyModel, ...] = (),
) -> tuple[LogExpectedImprovement, Array]:
    """Return the acquisition function, and `rows` `(n, d)` ordered from the lowest predicted mean to the highest.

    `losses` `(n,)` are to be minimised, NaN where a trial is infeasible; `running` is `(r, d)`, `categories` `(d,)`.
    Models of `earlier` studies give the process its prior mean as far as they rank the trials.

    A running trial does not get one made-up value: the posterior is conditioned on several joint samples of the
    outcomes of all running trials, and the improvement is averaged over the samples. The source is in acquisition.py.
    """
    outcomes = outcomes_of(losses)
    fitted = informative(losses, MAX_FITTED)
    hyperparameters = fit_hyperparameters(rows[fitted], outcomes[fitted], categories)
    process = posterior(rows, outcomes, categories, hyperparameters)
    prior = prior_mean(earlier, process, outcomes, np.isfinite(losses), rng) if earlier else None
    if prior is not None:
        outcomes = outcomes - prior.at(rows)
        hyperparameters = fit_hyperparameters(rows[fitted], outcomes[fitted], categories)
        process = posterior(rows, outcomes, categories, hyperparameters)
    means = process.predict(rows)[0][:, 0] + (0.0 if prior is None else prior.at(rows))
    best = np.array([means.min()])
    if len(running):
        samples = sample_outcomes(process, running, SAMPLES, rng)
        known = np.repeat(outcomes[:, None], SAMPLES, axis=1)
        process = posterior(np.vstack([rows, running]), np.vstack([known, samples]), categories, hyperparameters)
        expected = samples if prior is None else samples + prior.at(running)[:, None]
        best = np.minimum(best, expected.min(axis=0))
    predicted = process if prior is None else ShiftedPosterior(process, prior)
    return LogExpectedImprovement(predicted, best), rows[np.argsort(means, kind="stable")]
