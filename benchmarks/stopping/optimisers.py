"""The optimisers of a simulated study: the service's own, and Optuna's samplers."""

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
    """Suggests points, and receives measurements and final values."""

    def suggest(self, number: int, history: Sequence[Trial]) -> Point:
        """Return a point for the trial with that number, from 1."""

    def given(self, number: int, point: Point) -> None:
        """Receive the point at which the trial runs: the recorded point nearest to the suggested one."""

    def report(self, number: int, value: float, count: int) -> bool:
        """Receive measurement `count` of a trial, from 1. Returns whether the optimiser's pruner stops the trial."""

    def tell(self, number: int, value: float | None) -> None:
        """Receive the final value of a trial; None if it was pruned."""


class ServiceOptimiser:
    """The service's optimiser, which reads the history alone. `hides_stops`: stopped trials look like complete ones."""

    def __init__(self, space: str, seed: int, *, hides_stops: bool) -> None:
        spec = StudySpec((MetricSpec(METRIC, Goal.MINIMIZE),), parameters_of(space))
        self._optimizer = optimizer_for(spec, str(seed), TRIALS[space])
        self._hides_stops = hides_stops

    def suggest(self, number: int, history: Sequence[Trial]) -> Point:
        known = [replace(trial, stopping_reason="") for trial in history] if self._hides_stops else history
        return {name: float(value) for name, value in self._optimizer.suggest(number, known).items()}

    def given(self, number: int, point: Point) -> None:
        """Do nothing: the optimiser reads the history."""

    def report(self, number: int, value: float, count: int) -> bool:  # noqa: ARG002 - the protocol's signature
        return False

    def tell(self, number: int, value: float | None) -> None:
        """Do nothing: the optimiser reads the history."""


class OptunaOptimiser:
    """One of Optuna's samplers with one of its pruners."""

    def __init__(self, space: str, seed: int, sampler: str, pruner: optuna.pruners.BasePruner) -> None:
        self._space = space
        # Hyperband assigns brackets by the study's name, which is random by default.
        self._study = optuna.create_study(study_name=str(seed), sampler=sampler_of(sampler, seed), pruner=pruner)
        self._asked: dict[int, optuna.Trial] = {}

    def suggest(self, number: int, history: Sequence[Trial]) -> Point:  # noqa: ARG002 - the protocol's signature
        asked = self._asked[number] = self._study.ask()
        return {key: _suggested(asked, self._space, key) for key in SPACES[self._space]}

    def given(self, number: int, point: Point) -> None:
        # A suggested point cannot be changed: this trial fails, which no sampler learns from, and another is enqueued.
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
    """Return the space of the recorded runs as parameters of a study."""
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
    """Return Optuna's sampler with the name `tpe`, `gp` or `random`."""
    if name == "tpe":
        return optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.GPSampler(seed=seed, n_startup_trials=10)
