"""Bayesian search: a start that fills the space, then where a Gaussian process expects the most."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from hydra_vertex.job import Goal, StudySpec, Trial, TrialState
from hydra_vertex.service.space.initial_points import space_filling_point
from hydra_vertex.service.space.search_space import Point, point_of, space_of, values_at
from hydra_vertex.service.stopping.expected_end import ExpectedEnds

from .encoding import Encoding, Matrix
from .maximise_acquisition import best_row
from .model import expected_improvement
from .outcomes import informative
from .protocol import Parameters, seed_of
from .random_search import unseen
from .threads import one_thread

LEAST_KNOWN = 2
"""Fewer trials with a value than this tell a model nothing."""

MOST_MODELLED = 1000
"""Of more ended trials than this, the model is given the best half and the newest half of as many."""


class BayesianSearch:
    """A Gaussian process behind a space-filling start. Its first trial is the defaults, or the centre of the space."""

    def __init__(self, spec: StudySpec, job_id: str, startup: int) -> None:
        self._objective = spec.objective
        self._ends = ExpectedEnds(spec.objective)
        self._space = space_of(spec.parameters)
        self._encoding = Encoding(self._space)
        self._job_id = job_id
        self._startup = startup

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """The next point: of the start, or where the model expects the most."""
        seed = seed_of(self._job_id, number)
        point: Point | None = None
        if number > self._startup:
            with one_thread():
                point = self._expected_best(history, np.random.default_rng(seed))
        if point is None:
            point = space_filling_point(self._space, number - 1, seed_of(self._job_id, 0))
        source = random.Random(seed)  # noqa: S311 - sampling, no secret
        return values_at(self._space, unseen(self._space, point, history, source))

    def _expected_best(self, history: Sequence[Trial], source: np.random.Generator) -> Point | None:
        """The most promising point; None when too little is known, or when nothing new was found in a finite space."""
        ended = [trial for trial in history if trial.state.is_terminal]
        losses = np.array([self._loss(trial, ended) for trial in ended], dtype=np.float64)
        if np.isfinite(losses).sum() < LEAST_KNOWN:
            return None
        taken = self._rows(ended)
        running = self._rows([trial for trial in history if not trial.state.is_terminal])
        modelled = informative(losses, MOST_MODELLED)
        acquisition, best = expected_improvement(
            taken[modelled], losses[modelled], running, self._encoding.categories, source
        )
        row = best_row(self._encoding, acquisition, best, np.vstack([taken, running]), source)
        return None if row is None else self._encoding.point(row)

    def _rows(self, trials: Sequence[Trial]) -> Matrix:
        return self._encoding.rows([point_of(self._space, trial.parameters) for trial in trials])

    def _loss(self, trial: Trial, ended: Sequence[Trial]) -> float:
        """What is to be minimised; NaN where the trial is infeasible."""
        value = self._ends.value(trial, ended) if trial.state is TrialState.SUCCEEDED else None
        if value is None:
            return np.nan
        return value if self._objective.goal is Goal.MINIMIZE else -value
