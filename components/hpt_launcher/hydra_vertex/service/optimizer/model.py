"""From what is known to what is to be maximised: outcomes, hyperparameters, guesses about the running trials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .acquisition import LogExpectedImprovement
from .encoding import Matrix
from .gaussian_process import guess, posterior
from .hyperparameters import fit_hyperparameters
from .outcomes import informative, outcomes_of

GUESSES = 16
MOST_FITTED = 200
"""The hyperparameters are fitted to no more trials than this: their cost grows with the cube of it."""


def expected_improvement(
    rows: Matrix, losses: Matrix, running: Matrix, categories: NDArray[np.bool_], source: np.random.Generator
) -> tuple[LogExpectedImprovement, Matrix]:
    """The acquisition, and the rows from the best to the worst as the model sees them. NaN losses are infeasible.

    A running trial is not a point with a made-up value: the process is given several joint guesses about all of them,
    and the improvement is the average over the guesses.
    """
    outcomes = outcomes_of(losses)
    fitted = informative(losses, MOST_FITTED)
    hyperparameters = fit_hyperparameters(rows[fitted], outcomes[fitted], categories)
    process = posterior(rows, outcomes, categories, hyperparameters)
    means = process.predict(rows)[0][:, 0]
    best = np.array([means.min()])
    if len(running):
        guesses = guess(process, running, GUESSES, source)
        known = np.repeat(outcomes[:, None], GUESSES, axis=1)
        process = posterior(np.vstack([rows, running]), np.vstack([known, guesses]), categories, hyperparameters)
        best = np.minimum(best, guesses.min(axis=0))
    return LogExpectedImprovement(process, best), rows[np.argsort(means, kind="stable")]
