"""Bayesian search: space-filling startup trials, then the point with the highest expected improvement.

Shapes in this module: n ended trials, r running trials, d encoded dimensions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np

from hydra_vertex.job import Goal, HyperparameterTuningJob, MetricSpec, StudySpec, Trial, TrialState
from hydra_vertex.service.space.initial_points import space_filling_point
from hydra_vertex.service.space.search_space import Point, point_of, space_of, values_at
from hydra_vertex.service.stopping.expected_end import ExpectedEnds

from .earlier_studies import EarlierStudies
from .encoding import Array, Encoding
from .maximise_acquisition import Acquisition, best_row
from .model import expected_improvement
from .outcomes import informative
from .protocol import Parameters, seed_of
from .random_search import unseen
from .scalarisation import scaled
from .several_objectives import improvement_of_several
from .threads import one_thread

MIN_FEASIBLE = 2
"""With fewer trials that have a value no model is fitted."""

MAX_MODELLED = 1000
"""Of more ended trials than this, the model is given the best half and the newest half of as many."""


class BayesianSearch:
    """Suggests by a Gaussian process after `startup` space-filling trials.

    The first trial has the parameters' default values, and the middle of the axis of each parameter without one. The
    best trials of `earlier` studies come next, and the model takes these studies into account.
    """

    def __init__(
        self, spec: StudySpec, source: str, startup: int, earlier: Sequence[HyperparameterTuningJob] = ()
    ) -> None:
        self._metrics = spec.metrics
        self._ends = {metric.id: ExpectedEnds(metric) for metric in spec.metrics}
        self._space = space_of(spec.parameters)
        self._encoding = Encoding(self._space)
        self._source = source
        self._startup = startup
        self._earlier = EarlierStudies(self._encoding, spec.parameters, earlier, startup)

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """Return the parameters of a startup trial, or those with the highest expected improvement."""
        seed = seed_of(self._source, number)
        point: Point | None = self._earlier.first_point(number)
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
        found = [self._losses(trial, ended) for trial in ended]
        each = np.array(found, dtype=np.float64).reshape(len(ended), len(self._metrics))
        losses = each[:, 0] if len(self._metrics) == 1 else scaled(each).sum(axis=1)
        if np.isfinite(losses).sum() < MIN_FEASIBLE:
            return None
        tried = self._rows(ended)
        running = self._rows([trial for trial in history if not trial.state.is_terminal])
        modelled = informative(losses, MAX_MODELLED)
        acquisition, best = self._improvement(tried[modelled], each[modelled], running, rng)
        row = best_row(self._encoding, acquisition, best, np.vstack([tried, running]), rng)
        return None if row is None else self._encoding.point(row)

    def _improvement(
        self, tried: Array, losses: Array, running: Array, rng: np.random.Generator
    ) -> tuple[Acquisition, Array]:
        """Return the acquisition function, and the rows `tried` `(n, d)` with the best first."""
        categories = self._encoding.categories
        if losses.shape[1] == 1:
            return expected_improvement(tried, losses[:, 0], running, categories, rng, self._earlier.models)
        return improvement_of_several(tried, losses, running, categories, rng)

    def _rows(self, trials: Sequence[Trial]) -> Array:
        """Return the encoded points of the trials: `(len(trials), d)`."""
        return self._encoding.rows([point_of(self._space, trial.parameters) for trial in trials])

    def _losses(self, trial: Trial, ended: Sequence[Trial]) -> list[float]:
        """Return the value of each objective to minimise: negated unless it is MINIMIZE; all NaN if infeasible."""
        found = [self._loss(trial, metric, ended) for metric in self._metrics]
        return found if all(map(math.isfinite, found)) else [math.nan] * len(found)

    def _loss(self, trial: Trial, metric: MetricSpec, ended: Sequence[Trial]) -> float:
        value = self._ends[metric.id].value(trial, ended) if trial.state is TrialState.SUCCEEDED else None
        if value is None:
            return math.nan
        return value if metric.goal is Goal.MINIMIZE else -value
