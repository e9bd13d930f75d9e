"""Suggestions from histories that are unlike those of a usual study: nothing ended, one value, huge values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import pytest

from hydra_vertex.job import (
    Categorical,
    Discrete,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    Measurement,
    MetricSpec,
    ParameterSpec,
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
    walk_parameters,
)
from hydra_vertex.service.optimizer import Parameters, optimizer_for
from service.optimizer.test_optimizer import EVERY_KIND, MODEL, is_inside

TRIALS = 16
SPACES: Mapping[str, tuple[ParameterSpec, ...]] = {
    "one double": (ParameterSpec("x", DoubleRange(0.0, 1.0)),),
    "one double with one value": (ParameterSpec("x", DoubleRange(2.0, 2.0)),),
    "one integer with one value": (ParameterSpec("x", IntegerRange(3, 3)),),
    "one discrete with one value": (ParameterSpec("x", Discrete((4.0,))),),
    "one category with one value": (ParameterSpec("x", Categorical(("a",))),),
    "every kind": EVERY_KIND,
    "conditions": (MODEL,),
}
Values = Callable[[int], Sequence[float] | None]
"""The values of all objectives of the trial with a number; None where it failed."""

OUTCOMES: Mapping[str, Values] = {
    "all failed": lambda n: None,
    "one succeeded": lambda n: (1.0, 2.0, 3.0) if n == 2 else None,
    "two succeeded": lambda n: (1.0 * n, 2.0, 3.0) if n in {2, 5} else None,
    "all equal": lambda n: (1.0, 1.0, 1.0),
    "all zero": lambda n: (0.0, 0.0, 0.0),
    "one huge": lambda n: (1e308 if n == 3 else n % 5, 1.0 * n, -n % 3),
    "one hugely good": lambda n: (-1e308 if n == 3 else n % 5, 1.0 * n, -n % 3),
    "huge of both signs": lambda n: ((-1) ** n * 1e308, (-1) ** (n // 2) * 1e308, (-1) ** (n // 3) * 1e308),
    "most are huge, one has the other sign": lambda n: (
        1e308 if n == 3 else -1e308,
        -1e308 if n == 5 else 1e308,
        n % 2,
    ),
    "the largest": lambda n: (1.7976931348623157e308, -1.7976931348623157e308, n),
    "tiny": lambda n: (5e-324 * n, -5e-324 * n, 1e-320 * (n % 3)),
    "one objective is constant": lambda n: (n % 7, 1.0, -n % 5),
    "not finite": lambda n: (math.nan if n % 3 else 1.0 * n, math.inf if n == 4 else 2.0, -math.inf),
}


def spec_of(parameters: tuple[ParameterSpec, ...], objectives: int) -> StudySpec:
    goals = (Goal.MINIMIZE, Goal.MAXIMIZE, Goal.MINIMIZE)
    return StudySpec(tuple(MetricSpec(f"f{i}", goals[i]) for i in range(objectives)), parameters)


def ended(number: int, parameters: Parameters, values: Sequence[float] | None, objectives: int) -> Trial:
    if values is None:
        return Trial(str(number), TrialState.INFEASIBLE, parameters, infeasible_reason="failed")
    measured = Measurement({f"f{i}": float(values[i]) for i in range(objectives)})
    return Trial(str(number), TrialState.SUCCEEDED, parameters, final_measurement=measured)


def history_of(spec: StudySpec, outcome: Values) -> list[Trial]:
    suggest, history = optimizer_for(spec, "odd", TRIALS).suggest, list[Trial]()
    for number in range(1, TRIALS + 1):
        parameters = suggest(min(number, 4), history[:3])
        history.append(ended(number, parameters, outcome(number), len(spec.metrics)))
    return history


def earlier_job(spec: StudySpec, trials: Sequence[Trial]) -> HyperparameterTuningJob:
    return HyperparameterTuningJob("earlier", spec, TrialJobSpec(worker_pools=()), TRIALS, 1, trials=tuple(trials))


@pytest.mark.parametrize("with_earlier_study", [False, True])
@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize("parameters", SPACES.values(), ids=SPACES)
def test_every_history_has_a_suggestion_inside_the_space(
    parameters: tuple[ParameterSpec, ...], outcome: Values, objectives: int, with_earlier_study: bool
) -> None:
    spec = spec_of(parameters, objectives)
    history = history_of(spec, outcome)
    optimizer = optimizer_for(spec, "odd", TRIALS, [earlier_job(spec, history)] if with_earlier_study else [])
    for running in (0, 2, TRIALS):
        recorded = history[: TRIALS - running] + [
            Trial(trial.id, TrialState.ACTIVE, trial.parameters) for trial in history[TRIALS - running :]
        ]
        for number in (1, 2, TRIALS + 1):
            suggested = optimizer.suggest(number, recorded[: number - 1])
            active = [p for p in walk_parameters(parameters) if p.id in suggested]
            assert {p.id for p in parameters} <= suggested.keys() == {p.id for p in active}
            assert all(is_inside(p, suggested[p.id]) for p in active)
