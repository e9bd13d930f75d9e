"""The search engines that are compared: the service's optimiser and the baselines, each with its default settings."""

from __future__ import annotations

import importlib.util
import logging
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_vertex.job import (
    Algorithm,
    Categorical,
    Discrete,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    StudySpec,
    Trial,
    TrialState,
)
from hydra_vertex.service.optimizer import optimizer_for

from .clock import Engine
from .problem import METRIC, Problem

if TYPE_CHECKING:
    import optuna
    from ax.api.client import Client

Parameters = dict[str, ParameterValue]


@dataclass(frozen=True, slots=True)
class NamedEngine:
    """A search engine that is compared. It is skipped without the modules in `needs`; `in_batches`: see `simulate`.

    `create` gets the problem, the seed and the number of trials; only the service's optimiser uses the last.
    """

    name: str
    create: Callable[[Problem, int, int], Engine]
    needs: tuple[str, ...] = ()
    in_batches: bool = False

    @property
    def missing(self) -> list[str]:
        return [module for module in self.needs if importlib.util.find_spec(module) is None]


class ServiceEngine:
    """The service's optimiser with the given algorithm."""

    def __init__(self, problem: Problem, seed: int, trials: int, algorithm: Algorithm = Algorithm.BAYESIAN) -> None:
        spec = StudySpec(problem.study_spec.metrics, problem.parameters, algorithm)
        self._optimizer = optimizer_for(spec, str(seed), trials)

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        return dict(self._optimizer.suggest(number, history))


class Random:
    """Random search, uniform on each parameter's scale."""

    def __init__(self, problem: Problem, seed: int, trials: int = 0) -> None:  # noqa: ARG002 - the peers' signature
        self._problem = problem
        self._random = random.Random(seed)  # noqa: S311 - a simulation

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:  # noqa: ARG002 - the protocol's signature
        from hydra_vertex.service.space.search_space import point_at, space_of, values_at

        space = space_of(self._problem.parameters)
        return values_at(space, point_at(space, [self._random.random() for _ in space.dimensions]))


class Optuna:
    """One of Optuna's samplers by its ask-and-tell interface. A failed trial is reported with the state FAIL."""

    def __init__(self, problem: Problem, sampler: optuna.samplers.BaseSampler) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._problem = problem
        self._study = optuna.create_study(sampler=sampler)
        self._reported: set[str] = set()

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:  # noqa: ARG002 - the protocol's signature
        from optuna.trial import TrialState as State

        for trial in _ended(history, self._reported):
            value = trial.objective(METRIC)
            state = State.FAIL if value is None else State.COMPLETE
            self._study.tell(int(trial.id) - 1, value, state)
        asked = self._study.ask()
        return {name: value for spec in self._problem.parameters for name, value in _suggested(asked, spec)}


def _ended(history: Sequence[Trial], reported: set[str]) -> list[Trial]:
    fresh = [trial for trial in history if trial.state.is_terminal and trial.id not in reported]
    reported.update(trial.id for trial in fresh)
    return fresh


def _suggested(asked: optuna.trial.Trial, spec: ParameterSpec) -> list[tuple[str, ParameterValue]]:
    log = spec.scale is ScaleType.LOG
    value: ParameterValue
    match spec.domain:
        case DoubleRange(low, high):
            value = asked.suggest_float(spec.id, low, high, log=log)
        case IntegerRange(low, high):
            value = float(asked.suggest_int(spec.id, low, high, log=log))
        case Categorical(choices):
            value = asked.suggest_categorical(spec.id, choices)
        case Discrete(choices):
            value = asked.suggest_categorical(spec.id, choices)
    below = [child.spec for child in spec.children if value in child.when]
    return [(spec.id, value), *(pair for child in below for pair in _suggested(asked, child))]


def optuna_gp(problem: Problem, seed: int, trials: int = 0) -> Engine:  # noqa: ARG001 - the peers' signature
    """Return Optuna 5's GPSampler. It samples parameters that are not in every trial at random."""
    from optuna.samplers import GPSampler

    return Optuna(problem, GPSampler(seed=seed, warn_independent_sampling=False))


def optuna5_tpe(problem: Problem, seed: int, trials: int = 0) -> Engine:  # noqa: ARG001 - the peers' signature
    """Return Optuna 5's TPESampler with its defaults: multivariate where possible, and the constant liar."""
    from optuna.samplers import TPESampler

    return Optuna(problem, TPESampler(seed=seed))


def optuna4_tpe(problem: Problem, seed: int, trials: int = 0) -> Engine:  # noqa: ARG001 - the peers' signature
    """Return Optuna 5's TPESampler with the defaults of Optuna 2 to 4: univariate, running trials ignored."""
    from optuna.samplers import TPESampler

    return Optuna(problem, TPESampler(seed=seed, multivariate=False, constant_liar=False))


class Ax:
    """Ax's client with its default choice of method. Conditional parameters are dependent parameters of Ax."""

    def __init__(self, problem: Problem, seed: int, trials: int = 0) -> None:  # noqa: ARG002 - the peers' signature
        import torch
        from ax.api.client import Client

        torch.set_num_threads(1)
        logging.disable(logging.CRITICAL)  # Ax logs a line for each trial at any level of its logger
        self._client = _ax_client(Client(random_seed=seed), problem, seed)
        self._reported: set[str] = set()
        self._problem = problem

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for trial in _ended(history, self._reported):
                self._tell(int(trial.id) - 1, trial)
            ((index, chosen),) = self._client.get_next_trials(max_trials=1).items()
        assert index == number - 1
        return {name: value for spec in self._problem.parameters for name, value in _active(spec, chosen)}

    def _tell(self, index: int, trial: Trial) -> None:
        value = trial.objective(METRIC)
        if trial.state is TrialState.SUCCEEDED and value is not None:
            self._client.complete_trial(index, raw_data={METRIC: value})
        else:
            self._client.mark_trial_failed(index)


def _ax_client(client: Client, problem: Problem, seed: int) -> Client:
    client.configure_experiment(parameters=[p for spec in problem.parameters for p in _ax_parameters(spec)])
    client.configure_optimization(objective=f"-{METRIC}")
    # The defaults, except that more than five trials may start before the first result; otherwise Ax refuses them.
    client.configure_generation_strategy(
        method="fast", allow_exceeding_initialization_budget=True, initialization_random_seed=seed
    )
    return client


def _ax_parameters(spec: ParameterSpec) -> list[Any]:
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    scaling = "log" if spec.scale is ScaleType.LOG else "linear"
    own: Any
    match spec.domain:
        case DoubleRange(low, high):
            own = RangeParameterConfig(spec.id, (low, high), "float", scaling=scaling)
        case IntegerRange(low, high):
            own = RangeParameterConfig(spec.id, (low, high), "int", scaling=scaling)
        case Categorical(values):
            below = {value: [c.spec.id for c in spec.children if value in c.when] for value in values}
            dependent = below if spec.children else None
            own = ChoiceParameterConfig(spec.id, list(values), "str", is_ordered=False, dependent_parameters=dependent)
        case Discrete(values):
            own = ChoiceParameterConfig(spec.id, list(values), "float", is_ordered=True)
    return [own, *(p for child in spec.children for p in _ax_parameters(child.spec))]


def _active(spec: ParameterSpec, chosen: Mapping[str, Any]) -> list[tuple[str, ParameterValue]]:
    value = chosen[spec.id]
    below = [child.spec for child in spec.children if value in child.when]
    return [
        (spec.id, value if isinstance(value, str) else float(value)),
        *(pair for child in below for pair in _active(child, chosen)),
    ]


ENGINES = (
    NamedEngine("hydra-vertex", ServiceEngine),
    NamedEngine("Ax", Ax, needs=("ax",)),
    NamedEngine("Optuna GP", optuna_gp, needs=("torch", "scipy")),
    NamedEngine("Optuna 5 TPE", optuna5_tpe),
    NamedEngine("Optuna 4 TPE", optuna4_tpe),
    NamedEngine("random", Random),
    NamedEngine("sweeper, batches", optuna4_tpe, in_batches=True),
)
