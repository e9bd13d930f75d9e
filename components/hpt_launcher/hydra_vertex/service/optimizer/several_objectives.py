"""From recorded trials of several objectives to the acquisition function.

Two objectives have a model each, and the expected hypervolume improvement. More are turned into one by random weights,
new ones for each suggestion, and have the expected improvement of one objective.

Shapes in this module: n modelled trials, r running trials, d encoded dimensions, k objectives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .encoding import Array
from .gaussian_process import Posterior, posterior, sample_outcomes
from .hyperparameters import fit_hyperparameters
from .hypervolume import LogHypervolumeImprovement, staircase
from .maximise_acquisition import Acquisition
from .model import MAX_FITTED, SAMPLES, expected_improvement
from .outcomes import informative, outcomes_of
from .pareto import non_dominated
from .scalarisation import scalarised


def improvement_of_several(
    rows: Array, losses: Array, running: Array, categories: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Acquisition, Array]:
    """Return the acquisition function, and `rows` `(n, d)` ordered: the Pareto set in random order, then the others.

    `losses` `(n, k)` are to be minimised; a row is NaN where a trial is infeasible, and at least one is not. `running`
    is `(r, d)`, `categories` `(d,)`.
    """
    front = non_dominated(losses)
    order = np.concatenate([rng.permutation(np.flatnonzero(front)), rng.permutation(np.flatnonzero(~front))])
    if losses.shape[1] != 2:
        acquisition, _ = expected_improvement(rows, scalarised(losses, rng), running, categories, rng)
        return acquisition, rows[order]
    models = [_modelled(rows, losses[:, objective], running, categories, rng) for objective in range(2)]
    (first, outcomes1), (second, outcomes2) = models
    # The outcomes of infeasible trials are made up: no front may contain them.
    valid = np.concatenate([np.isfinite(losses).all(axis=1), np.ones(len(running), dtype=np.bool_)])
    stairs = staircase(np.stack([outcomes1, outcomes2], axis=1)[valid])
    return LogHypervolumeImprovement(first, second, stairs), rows[order]


def _modelled(
    rows: Array, losses: Array, running: Array, categories: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Posterior, Array]:
    """Return the model of one objective, and its outcomes `(n + r, s)` in each sample of the running trials."""
    outcomes = outcomes_of(losses)
    fitted = informative(losses, MAX_FITTED)
    hyperparameters = fit_hyperparameters(rows[fitted], outcomes[fitted], categories)
    process = posterior(rows, outcomes, categories, hyperparameters)
    if not len(running):
        return process, outcomes[:, None]
    samples = sample_outcomes(process, running, SAMPLES, rng)
    known = np.vstack([np.repeat(outcomes[:, None], SAMPLES, axis=1), samples])
    return posterior(np.vstack([rows, running]), known, categories, hyperparameters), known
