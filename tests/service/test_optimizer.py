"""Suggestions: inside the space, reproducible, never twice the same where that can be had, and towards the goal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.launcher.job import (
    Algorithm,
    Categorical,
    Discrete,
    DoubleRange,
    Goal,
    IntegerRange,
    Measurement,
    MetricSpec,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    StudySpec,
    Trial,
    TrialState,
)
from hydra_vertex.service.axes import axis_of, point_of, space_of, values_at
from hydra_vertex.service.optimizer import Parameters, optimizer_for, startup_trials

LR = ParameterSpec("lr", DoubleRange(1e-5, 1e-1), ScaleType.LOG)
DEPTH = ParameterSpec("depth", IntegerRange(1, 8))
BATCH = ParameterSpec("batch", Discrete((16.0, 32.0, 64.0)))
OPTIMIZER = ParameterSpec("optimizer", Categorical(("adam", "sgd")))
MOMENTUM = ParameterSpec("momentum", DoubleRange(0.5, 0.999), ScaleType.REVERSE_LOG)
WIDTH = ParameterSpec("width", IntegerRange(1, 1024), ScaleType.LOG)
EVERY_KIND = (LR, DEPTH, BATCH, OPTIMIZER, MOMENTUM, WIDTH, ParameterSpec("fixed", DoubleRange(2.0, 2.0)))
FINITE = (BATCH, OPTIMIZER, ParameterSpec("layers", IntegerRange(1, 2)))

Objective = Callable[[Parameters], float | None]


def study(
    parameters: Sequence[ParameterSpec] = EVERY_KIND,
    algorithm: Algorithm = Algorithm.BAYESIAN,
    goal: Goal = Goal.MINIMIZE,
) -> StudySpec:
    return StudySpec((MetricSpec("loss", goal),), tuple(parameters), algorithm)


def trial(number: int, parameters: Parameters, value: float | None) -> Trial:
    state = TrialState.INFEASIBLE if value is None else TrialState.SUCCEEDED
    final = None if value is None else Measurement({"loss": value})
    return Trial(str(number), state, parameters, final_measurement=final)


def run(spec: StudySpec, count: int, objective: Objective, job_id: str = "1") -> list[Trial]:
    optimizer = optimizer_for(spec, job_id, count)
    history: list[Trial] = []
    for number in range(1, count + 1):
        parameters = optimizer.suggest(number, history)
        history.append(trial(number, parameters, objective(parameters)))
    return history


def distance(parameters: Parameters) -> float:
    return abs(math.log10(float(parameters["lr"])) + 2) + abs(float(parameters["depth"]) - 6)


def is_inside(spec: ParameterSpec, value: ParameterValue) -> bool:
    match spec.domain:
        case DoubleRange(low, high):
            return low <= float(value) <= high
        case IntegerRange(low, high):
            return float(value).is_integer() and low <= float(value) <= high
        case Categorical(values):
            return value in values
        case Discrete(values):
            return value in values


@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH])
def test_every_suggestion_lies_inside_the_space(algorithm: Algorithm) -> None:
    for suggested in run(study(algorithm=algorithm), 20, distance):
        assert list(suggested.parameters) == [spec.id for spec in EVERY_KIND]
        assert all(is_inside(spec, suggested.parameters[spec.id]) for spec in EVERY_KIND)


@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH])
def test_a_study_is_the_same_again_under_the_same_job_id(algorithm: Algorithm) -> None:
    spec = study(algorithm=algorithm)
    assert run(spec, 12, distance) == run(spec, 12, distance)
    assert run(spec, 12, distance) != run(spec, 12, distance, job_id="2")


def test_a_suggestion_needs_nothing_but_what_is_recorded() -> None:
    history = run(study(), 12, distance)
    fresh = optimizer_for(study(), "1", 12)
    assert fresh.suggest(12, history[:11]) == history[11].parameters


@pytest.mark.parametrize(("goal", "sign"), [(Goal.MINIMIZE, 1), (Goal.MAXIMIZE, -1), (Goal.UNSPECIFIED, -1)])
def test_the_search_goes_towards_the_goal(goal: Goal, sign: int) -> None:
    history = run(study((LR, DEPTH), goal=goal), 40, lambda parameters: sign * distance(parameters))
    early, late = history[:10], history[-10:]
    assert sum(distance(t.parameters) for t in late) < 0.5 * sum(distance(t.parameters) for t in early)


def test_the_search_keeps_away_from_where_trials_fail() -> None:
    def objective(parameters: Parameters) -> float | None:
        return None if parameters["optimizer"] == "sgd" else distance(parameters)

    history = run(study((LR, DEPTH, OPTIMIZER)), 40, objective)
    failed = [t.parameters["optimizer"] == "sgd" for t in history]
    assert sum(failed[-20:]) < sum(failed[:20])
    assert sum(failed[-20:]) <= 6


def test_trials_that_run_at_the_same_time_are_not_alike() -> None:
    spec = study((LR, DEPTH))
    history = run(spec, 12, distance)
    optimizer = optimizer_for(spec, "1", 12)
    for number in range(13, 17):
        parameters = optimizer.suggest(number, history)
        history.append(Trial(str(number), TrialState.ACTIVE, parameters))
    assert len({t.parameters["lr"] for t in history[12:]}) == 4


@pytest.mark.parametrize("outcome", [None, 1.0])
@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH, Algorithm.GRID_SEARCH])
def test_a_finite_space_is_gone_through_before_anything_comes_twice(
    algorithm: Algorithm, outcome: float | None
) -> None:
    history = run(study(FINITE, algorithm), 15, lambda _: outcome)
    points = [tuple(t.parameters.values()) for t in history]
    assert len(set(points[:12])) == 12
    assert set(points[12:]) <= set(points[:12])


def test_a_large_finite_space_is_no_reason_to_wait() -> None:
    spec = study(tuple(ParameterSpec(f"p{i}", IntegerRange(1, 10**6)) for i in range(6)), Algorithm.RANDOM_SEARCH)
    assert len({tuple(t.parameters.values()) for t in run(spec, 30, lambda _: 1.0)}) == 30


def test_the_first_trial_is_the_centre_and_the_first_ones_are_spread_out() -> None:
    history = run(study((LR, MOMENTUM, DEPTH)), 16, distance)
    assert history[0].parameters["lr"] == pytest.approx(1e-3)
    quarters = {int(math.log10(float(t.parameters["lr"])) + 5) for t in history[:4]}
    assert quarters == {0, 1, 2, 3}


@pytest.mark.parametrize(("count", "startup"), [(1, 4), (16, 4), (24, 6), (1000, 10)])
def test_the_start_suits_the_budget(count: int, startup: int) -> None:
    assert startup_trials(count) == startup


def test_a_reverse_log_scale_is_fine_near_its_upper_end() -> None:
    axis = axis_of(MOMENTUM)
    values = [float(axis.value(axis.at(unit))) for unit in (0.0, 0.5, 0.999999)]
    assert values == pytest.approx([0.999, 0.7922, 0.5], abs=1e-4)


@given(st.sampled_from(EVERY_KIND), st.floats(0, 1, exclude_max=True))
def test_a_value_is_found_again_at_its_coordinate(spec: ParameterSpec, unit: float) -> None:
    space = space_of([spec])
    values = values_at(space, {spec.id: space[spec.id].at(unit)})
    assert is_inside(spec, values[spec.id])
    again = values_at(space, point_of(space, values))[spec.id]
    assert again == (values[spec.id] if isinstance(again, str) else pytest.approx(values[spec.id], rel=1e-12))


@given(
    st.floats(1e-300, 1e300),
    st.floats(1e-300, 1e300),
    st.sampled_from(list(ScaleType)),
    st.floats(0, 1, exclude_max=True),
)
def test_no_rounding_leads_out_of_a_range(one: float, other: float, scale: ScaleType, unit: float) -> None:
    spec = ParameterSpec("x", DoubleRange(min(one, other), max(one, other)), scale)
    axis = axis_of(spec)
    assert is_inside(spec, axis.value(axis.at(unit)))
