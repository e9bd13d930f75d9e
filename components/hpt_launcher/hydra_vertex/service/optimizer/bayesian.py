"""Bayesian search: a start that fills the space, then where a Gaussian process expects the most."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from hydra_vertex.launcher.job import Goal, StudySpec, Trial, TrialState

from ..space import Point, point_of, space_of, values_at
from ..space_filling import space_filling_point
from .acquisition import LogExpectedImprovement
from .encoding import Encoding, Matrix
from .gaussian_process import guess, posterior
from .hyperparameters import fit_hyperparameters
from .maximize import best_row
from .outcomes import bent
from .protocol import Parameters, seed_of
from .random_search import unseen

GUESSES = 16


class BayesianSearch:
    """A Gaussian process behind a space-filling start."""

    def __init__(self, spec: StudySpec, job_id: str, startup: int) -> None:
        self._spec = spec
        self._space = space_of(spec.parameters)
        self._encoding = Encoding(self._space)
        self._job_id = job_id
        self._startup = startup

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """The next point: of the start, or where the model expects the most."""
        seed = seed_of(self._job_id, number)
        point: Point | None = None
        if number > self._startup:
            point = self._expected_best(history, np.random.default_rng(seed))
        if point is None:
            point = space_filling_point(self._space, number - 1, seed_of(self._job_id, 0))
        source = random.Random(seed)  # noqa: S311 - sampling, no secret
        return values_at(self._space, unseen(self._space, point, history, source))

    def _expected_best(self, history: Sequence[Trial], source: np.random.Generator) -> Point | None:
        ended = [trial for trial in history if trial.state.is_terminal]
        losses = np.array([self._loss(trial) for trial in ended], dtype=np.float64)
        if np.isfinite(losses).sum() < 2:
            return None
        rows = self._rows(ended)
        running = self._rows([trial for trial in history if not trial.state.is_terminal])
        good = np.isfinite(losses)
        y = np.empty(len(losses))
        y[good] = bent(losses[good])
        y[~good] = y[good].max()
        y = (y - y.mean()) / (y.std() or 1.0)
        encoding = self._encoding
        h = fit_hyperparameters(rows, y, encoding.categories)
        process = posterior(rows, y, encoding.categories, h)
        fitted = process.predict(rows)[0][:, 0]
        best = np.array([fitted.min()])
        if len(running):
            guesses = guess(process, running, GUESSES, source)
            known = np.repeat(y[:, None], GUESSES, axis=1)
            process = posterior(np.vstack([rows, running]), np.vstack([known, guesses]), encoding.categories, h)
            best = np.minimum(best, guesses.min(0))
        acquisition = LogExpectedImprovement(process, best)
        row = best_row(encoding, acquisition, rows[np.argsort(fitted)], np.vstack([rows, running]), source)
        return None if row is None else encoding.point(row)

    def _rows(self, trials: Sequence[Trial]) -> Matrix:
        return self._encoding.rows([point_of(self._space, trial.parameters) for trial in trials])

    def _loss(self, trial: Trial) -> float:
        value = trial.objective(self._spec.objective.id) if trial.state is TrialState.SUCCEEDED else None
        if value is None:
            return np.nan
        return value if self._spec.objective.goal is Goal.MINIMIZE else -value
