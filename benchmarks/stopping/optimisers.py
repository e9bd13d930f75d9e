"""Who chooses the points of a simulated study: the service's optimiser, or one of Optuna's samplers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import optuna

from curves.record import SPACES, Point
from hydra_vertex.job import (
    Discrete,
    DoubleRange,
    Goal,
    IntegerRange,
    MetricSpec,
    ParameterSpec,
    ScaleType,
    StudySpec,
    Trial,
)
from hydra_vertex.service.optimizer import optimizer_for

METRIC = "loss"
TRIALS = {"gpt": 32, "digits": 48}


class Optimiser(Protocol):
    """Asked for points, and told of measurements and ends."""

    def suggest(self, number: int, history: Sequence[Trial]) -> Point:
        """The point of the trial with that number, from 1."""

    def given(self, number: int, point: Point) -> None:
        """The trial has run at this point, the recorded one nearest to what was suggested."""

    def report(self, number: int, value: float, count: int) -> bool:
        """A trial's measurement, its `count`th; whether the optimiser's own pruner would stop it."""

    def tell(self, number: int, value: float | None) -> None:
        """A trial has ended; None: it was pruned."""


class Ours:
    """The service's optimiser. It is told nothing: the history says all. `as_ended`: it is not told who was stopped."""

    def __init__(self, space: str, seed: int, *, as_ended: bool) -> None:
        spec = StudySpec((MetricSpec(METRIC, Goal.MINIMIZE),), parameters_of(space))
        self._optimizer = optimizer_for(spec, str(seed), TRIALS[space])
        self._as_ended = as_ended

    def suggest(self, number: int, history: Sequence[Trial]) -> Point:
        known = [replace(trial, stopping_reason="") for trial in history] if self._as_ended else history
        return {name: float(value) for name, value in self._optimizer.suggest(number, known).items()}

    def given(self, number: int, point: Point) -> None:
        """Nothing to be done."""

    def report(self, number: int, value: float, count: int) -> bool:  # noqa: ARG002 - the protocol's signature
        return False

    def tell(self, number: int, value: float | None) -> None:
        """Nothing to be done."""


class Optunas:
    """One of Optuna's samplers with one of its pruners."""

    def __init__(self, space: str, seed: int, sampler: str, pruner: optuna.pruners.BasePruner) -> None:
        self._space = space
        # Hyperband assigns its brackets by the study's name, which would be another one in each run.
        self._study = optuna.create_study(study_name=str(seed), sampler=sampler_of(sampler, seed), pruner=pruner)
        self._asked: dict[int, optuna.Trial] = {}

    def suggest(self, number: int, history: Sequence[Trial]) -> Point:  # noqa: ARG002 - the protocol's signature
        asked = self._asked[number] = self._study.ask()
        return {key: _suggested(asked, self._space, key) for key in SPACES[self._space]}

    def given(self, number: int, point: Point) -> None:
        # A suggestion cannot be changed: it is withdrawn, as a failed trial from which no sampler learns.
        self._study.tell(self._asked[number], state=optuna.trial.TrialState.FAIL)
        self._study.enqueue_trial(dict(point))
        asked = self._asked[number] = self._study.ask()
        for key in SPACES[self._space]:
            _suggested(asked, self._space, key)

    def report(self, number: int, value: float, count: int) -> bool:
        self._asked[number].report(value, count)
        return self._asked[number].should_prune()

    def tell(self, number: int, value: float | None) -> None:
        if value is None:
            self._study.tell(self._asked[number], state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(self._asked[number], value)


def parameters_of(space: str) -> tuple[ParameterSpec, ...]:
    """The space of the recorded runs as a study has it."""
    return tuple(_parameter(key, *bounds) for key, bounds in SPACES[space].items())


def _parameter(key: str, low: float, high: float, kind: str) -> ParameterSpec:
    scale = ScaleType.LOG if "log" in kind else ScaleType.LINEAR
    if "by 16" in kind:
        return ParameterSpec(key, Discrete(tuple(float(value) for value in range(int(low), int(high) + 1, 16))), scale)
    domain = IntegerRange(int(low), int(high)) if "integer" in kind else DoubleRange(low, high)
    return ParameterSpec(key, domain, scale)


def _suggested(asked: optuna.Trial, space: str, key: str) -> float:
    low, high, kind = SPACES[space][key]
    if "integer" in kind:
        step = 16 if "by 16" in kind else 1
        return asked.suggest_int(key, int(low), int(high), step=step, log="log" in kind)
    return asked.suggest_float(key, low, high, log="log" in kind)


def sampler_of(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """Optuna's sampler called `tpe`, `gp` or `random`."""
    if name == "tpe":
        return optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.GPSampler(seed=seed, n_startup_trials=10)
