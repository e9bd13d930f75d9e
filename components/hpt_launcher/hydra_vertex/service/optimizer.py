"""Which parameters come next. Each suggestion is a function of the job's id, the trial's number and what is recorded.

So nothing is to be told and nothing to be rebuilt: a service that is started again suggests what it would have
suggested. The only module that imports Optuna.
"""

from __future__ import annotations

import hashlib
import random
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from hydra_vertex.launcher.job import Algorithm, Goal, ParameterValue, StudySpec, Trial, TrialState

from .axes import (
    Axis,
    ChoiceAxis,
    FiniteAxis,
    FloatAxis,
    IntAxis,
    Point,
    Space,
    finite_axes,
    grid_point,
    grid_size,
    point_of,
    space_of,
    values_at,
)
from .space_filling import space_filling_point

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

Parameters: TypeAlias = Mapping[str, ParameterValue]

LEAST_STARTUP_TRIALS = 4
MOST_STARTUP_TRIALS = 10


class Optimizer(Protocol):
    """Chooses parameters. May take a while, so it is called outside of the event loop."""

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """The parameters of the trial with that number, from 1. `history` is every earlier trial, running ones too."""


def optimizer_for(spec: StudySpec, job_id: str, max_trial_count: int) -> Optimizer:
    """The optimiser that a study asks for."""
    space = space_of(spec.parameters)
    match spec.algorithm:
        case Algorithm.GRID_SEARCH:
            return GridSearch(space)
        case Algorithm.RANDOM_SEARCH:
            return RandomSearch(space, job_id)
        case _:
            return BayesianSearch(spec, job_id, startup_trials(max_trial_count))


def startup_trials(max_trial_count: int) -> int:
    """How many trials explore before the model is asked: a quarter of them, within sensible bounds."""
    return min(max(LEAST_STARTUP_TRIALS, max_trial_count // 4), MOST_STARTUP_TRIALS)


def load_optuna() -> None:
    """Import the library, so that the first suggestion need not wait for it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)


class GridSearch:
    """Every point in turn; the last parameter changes fastest. Begins anew when there is none left."""

    def __init__(self, space: Space) -> None:
        axes = finite_axes(space)
        if axes is None:
            raise ValueError("a grid needs a finite space")
        self._axes = axes

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:  # noqa: ARG002 - the protocol's signature
        """The next point."""
        return values_at(self._axes, grid_point(self._axes, (number - 1) % grid_size(self._axes)))


class RandomSearch:
    """Uniform on every axis, and nothing twice while a finite space has points left."""

    def __init__(self, space: Space, job_id: str) -> None:
        self._space = space
        self._job_id = job_id

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """A random point."""
        source = random.Random(seed_of(self._job_id, number))  # noqa: S311 - sampling, no secret
        point = {name: axis.at(source.random()) for name, axis in self._space.items()}
        return values_at(self._space, unseen(self._space, point, history, source))


class BayesianSearch:
    """Optuna's multivariate TPE behind a space-filling start. Trials that still run count as bad (a constant liar)."""

    def __init__(self, spec: StudySpec, job_id: str, startup: int) -> None:
        self._spec = spec
        self._space = space_of(spec.parameters)
        self._job_id = job_id
        self._startup = startup

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """The next point: of the start, or where the model expects the most."""
        point: Point
        seed = seed_of(self._job_id, number)
        if number <= self._startup or not _objectives(self._spec, history):
            point = space_filling_point(self._space, number - 1)
        else:
            point = self._ask(seed, history)
        source = random.Random(seed)  # noqa: S311 - sampling, no secret
        return values_at(self._space, unseen(self._space, point, history, source))

    def _ask(self, seed: int, history: Sequence[Trial]) -> Point:
        import optuna

        load_optuna()
        distributions = {name: _distribution(axis) for name, axis in self._space.items()}
        goal = optuna.study.StudyDirection
        direction = goal.MINIMIZE if self._spec.objective.goal is Goal.MINIMIZE else goal.MAXIMIZE
        study = optuna.create_study(direction=direction, sampler=_tpe(seed))
        study.add_trials(_frozen_trials(self._spec, self._space, distributions, history))
        asked = study.ask(distributions)
        return {name: asked.params[name] for name in self._space}


def seed_of(job_id: str, number: int) -> int:
    """A seed for one suggestion, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{job_id}/{number}".encode()).digest()[:4], "big")


def unseen(space: Space, point: Point, history: Sequence[Trial], source: random.Random) -> Point:
    """`point`, or another one when the space is finite, `point` was tried before and not every one was."""
    axes = finite_axes(space)
    if axes is None:
        return point
    seen = {_key(point_of(space, trial.parameters)) for trial in history}
    if _key(point) not in seen or len(seen) >= grid_size(axes):
        return point
    return _first_unseen(axes, seen, source.randrange(grid_size(axes)))


def _first_unseen(axes: Mapping[str, FiniteAxis], seen: set[tuple[object, ...]], start: int) -> Point:
    # Among len(seen) + 1 points in a row at least one is new, however large the space is.
    size = grid_size(axes)
    candidates = (grid_point(axes, (start + offset) % size) for offset in range(len(seen) + 1))
    return next(point for point in candidates if _key(point) not in seen)


def _key(point: Point) -> tuple[object, ...]:
    return tuple(point.values())


def _objectives(spec: StudySpec, history: Sequence[Trial]) -> list[float]:
    values = (trial.objective(spec.objective.id) for trial in history if trial.state is TrialState.SUCCEEDED)
    return [value for value in values if value is not None]


def _frozen_trials(
    spec: StudySpec, space: Space, distributions: Mapping[str, BaseDistribution], history: Sequence[Trial]
) -> list[FrozenTrial]:
    """The history as Optuna has it. An infeasible trial counts as the worst value seen, to be kept away from."""
    from optuna.trial import TrialState as OptunaState
    from optuna.trial import create_trial

    known = _objectives(spec, history)
    worst = max(known) if spec.objective.goal is Goal.MINIMIZE else min(known)
    frozen = []
    for trial in history:
        value = trial.objective(spec.objective.id) if trial.state is TrialState.SUCCEEDED else worst
        ended = trial.state.is_terminal
        frozen.append(
            create_trial(
                state=OptunaState.COMPLETE if ended else OptunaState.RUNNING,
                value=value if ended else None,
                params=point_of(space, trial.parameters),
                distributions=dict(distributions),
            )
        )
    return frozen


def _distribution(axis: Axis) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match axis:
        case FloatAxis(low, high, log):
            return FloatDistribution(low, high, log=log)
        case IntAxis(low, high, log):
            return IntDistribution(low, high, log=log)
        case ChoiceAxis(ordered=True):
            return IntDistribution(0, axis.size - 1)
        case ChoiceAxis():
            return CategoricalDistribution(range(axis.size))


def _tpe(seed: int) -> BaseSampler:
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import TPESampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(n_startup_trials=0, multivariate=True, constant_liar=True, seed=seed)
