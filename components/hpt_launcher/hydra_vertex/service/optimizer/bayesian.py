"""Bayesian search: space-filling startup trials, then the point with the highest expected improvement.

Shapes in this module: n ended trials, r running trials, d encoded dimensions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from hydra_vertex.job import Goal, StudySpec, Trial, TrialState
from hydra_vertex.service.space.initial_points import space_filling_point
from hydra_vertex.service.space.search_space import Point, point_of, space_of, values_at
from hydra_vertex.service.stopping.expected_end import ExpectedEnds

from .encoding import Array, Encoding
from .maximise_acquisition import best_row
from .model import expected_improvement
from .outcomes import informative
from .protocol import Parameters, seed_of
from .random_search import unseen
from .threads import one_thread

MIN_FEASIBLE = 2
"""With fewer trials that have a value no model is fitted."""

MAX_MODELLED = 1000
"""Of more ended trials than this, the model is given the best half and the newest half of as many."""


class BayesianSearch:
    """Suggests by a Gaussian process after `startup` space-filling trials.

    The first trial has the parameters' default values, and the middle of the axis of each parameter without one.
    """

    def __init__(self, spec: StudySpec, source: str, startup: int) -> None:
        self._objective = spec.objective
        self._ends = ExpectedEnds(spec.objective)
        self._space = space_of(spec.parameters)
        self._encoding = Encoding(self._space)
        self._source = source
        self._startup = startup

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """Return the parameters of a startup trial, or those with the highest expected improvement."""
        seed = seed_of(self._source, number)
        point: Point | None = None
        if number > self._startup:
            with one_thread():
                point = self._expected_best(history, np.random.default_rng(seed))
        if point is None:
            point = space_filling_point(self._space, number - 1, seed_of(self._source, 0))
        rng = random.Random(seed)  # noqa: S311 - sampling, no secret
        return values_at(self._space, unseen(self._space, point, history, rng))

    def _expected_best(self, history: Sequence[Trial], rng: np.random.Generator) -> Point | None:
        """Return the point with the highest expected improvement.

        None when fewer than MIN_FEASIBLE trials have a value, or when every candidate point was already tried.
        """
        ended = [trial for trial in history if trial.state.is_terminal]
        losses = np.array([self._loss(trial, ended) for trial in ended], dtype=np.float64)
        if np.isfinite(losses).sum() < MIN_FEASIBLE:
            return None
        tried = self._rows(ended)
        running = self._rows([trial for trial in history if not trial.state.is_terminal])
        modelled = informative(losses, MAX_MODELLED)
        acquisition, best = expected_improvement(
            tried[modelled], losses[modelled], running, self._encoding.categories, rng
        )
        row = best_row(self._encoding, acquisition, best, np.vstack([tried, running]), rng)
        return None if row is None else self._encoding.point(row)

    def _rows(self, trials: Sequence[Trial]) -> Array:
        """Return the encoded points of the trials: `(len(trials), d)`."""
        return self._encoding.rows([point_of(self._space, trial.parameters) for trial in trials])

    def _loss(self, trial: Trial, ended: Sequence[Trial]) -> float:
        """Return the value to minimise: the objective, negated unless the goal is MINIMIZE; NaN if infeasible."""
        value = self._ends.value(trial, ended) if trial.state is TrialState.SUCCEEDED else None
        if value is None:
            return np.nan
        return value if self._objective.goal is Goal.MINIMIZE else -value
