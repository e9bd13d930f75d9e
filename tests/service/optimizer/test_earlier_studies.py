"""Earlier studies: what of them lies in the new space, what is tried first, and that they cannot mislead for long."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from hydra_vertex.job import (
    Categorical,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    ParameterSpec,
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
)
from hydra_vertex.service.optimizer import Parameters, optimizer_for
from hydra_vertex.service.optimizer.earlier_studies import EarlierStudies, first_count
from hydra_vertex.service.optimizer.encoding import Encoding
from hydra_vertex.service.optimizer.other_study import EarlierStudy, earlier_study, first_points
from hydra_vertex.service.space.search_space import space_of
from service.optimizer.test_optimizer import BATCH, DEPTH, EVERY_KIND, LR, MODEL, OPTIMIZER, run, study, trial

X, Y = ParameterSpec("x", DoubleRange(0.0, 1.0)), ParameterSpec("y", DoubleRange(0.0, 1.0))


def finished(trials: Sequence[Trial], spec: StudySpec) -> HyperparameterTuningJob:
    return HyperparameterTuningJob(
        "earlier", spec, TrialJobSpec(worker_pools=()), max(len(trials), 1), 1, trials=tuple(trials)
    )


def in_space(parameters: Sequence[ParameterSpec], trials: Sequence[Trial], goal: Goal = Goal.MINIMIZE) -> EarlierStudy:
    return earlier_study(Encoding(space_of(parameters)), parameters, finished(trials, study(parameters, goal=goal)))


def bowl(parameters: Parameters) -> float:
    return (float(parameters["x"]) - 0.83) ** 2 + (float(parameters["y"]) - 0.21) ** 2


def test_the_trials_come_best_first_by_the_goal_of_their_study() -> None:
    trials = [trial(n, {"x": 0.1 * n, "y": 0.5}, value) for n, value in enumerate((3.0, 1.0, 2.0), start=1)]

    lowest, highest = in_space((X, Y), trials), in_space((X, Y), trials, Goal.MAXIMIZE)

    assert [point["x"] for point in lowest.first] == pytest.approx([0.2, 0.3, 0.1])
    assert [point["x"] for point in highest.first] == pytest.approx([0.1, 0.3, 0.2])
    assert list(highest.losses) == [-3.0, -1.0, -2.0]


@pytest.mark.parametrize(
    ("parameters", "outside"),
    [
        ((X,), {"x": 1.5}),
        ((X,), {"x": "large"}),
        ((LR,), {"lr": 1.0}),
        ((DEPTH,), {"depth": 9.0}),
        ((BATCH,), {"batch": 128.0}),
        ((OPTIMIZER,), {"optimizer": "lion"}),
    ],
)
def test_a_trial_outside_the_new_space_is_left_out(parameters: Sequence[ParameterSpec], outside: Parameters) -> None:
    found = in_space(parameters, [trial(1, outside, 0.0)])

    assert (len(found.rows), found.first) == (0, ())


def test_parameters_of_one_study_alone_have_no_effect_and_a_default_in_the_first_points() -> None:
    y = ParameterSpec("y", DoubleRange(0.0, 1.0, default=0.3))
    found = in_space((X, y), [trial(1, {"x": 0.2, "other": 7.0}, 1.0)])

    assert list(found.shared) == [True, False]
    assert found.first == ({"x": 0.2, "y": 0.3},)


def test_a_conditional_parameter_is_used_also_without_its_parent_in_the_earlier_study() -> None:
    found = in_space((MODEL,), [trial(1, {"lr": 0.01, "layers": 2.0, "batch": 32.0}, 1.0)])
    names = [dimension.name for dimension in space_of((MODEL,)).dimensions]

    assert [name for name, shared in zip(names, found.shared, strict=True) if shared] == ["layers", "batch", "lr"]
    assert found.first[0] == {"model": 1, "layers": 2, "batch": 1, "lr": 0.01}


@pytest.mark.parametrize(
    ("ended", "rows"),
    [
        (Trial("1", TrialState.INFEASIBLE, {"x": 0.5}), 1),
        (Trial("1", TrialState.INFEASIBLE, {"x": 0.5}, stopping_reason="pruned"), 0),
        (Trial("1", TrialState.ACTIVE, {"x": 0.5}), 0),
        (Trial("1", TrialState.REQUESTED, {"x": 0.5}), 0),
    ],
)
def test_a_failure_is_an_outcome_and_a_trial_that_did_not_end_is_none(ended: Trial, rows: int) -> None:
    assert len(in_space((X,), [ended]).rows) == rows


def test_requested_trials_are_tried_before_measured_ones() -> None:
    found = in_space((X,), [trial(1, {"x": 0.2}, 1.0), Trial("2", TrialState.REQUESTED, {"x": 0.9})])

    assert [point["x"] for point in found.first] == [0.9, 0.2]


def test_the_first_points_are_the_best_of_each_study_in_turn_and_not_close_to_each_other() -> None:
    one = in_space((X,), [trial(n, {"x": x}, float(n)) for n, x in enumerate((0.50, 0.20, 0.21, 0.30), start=1)])
    other = in_space((X,), [trial(1, {"x": 0.9}, 5.0)])

    points = first_points(Encoding(space_of((X,))), [one, other], 3)

    assert [point["x"] for point in points] == [0.9, 0.2, 0.3], "0.5 is the default, and 0.21 is close to 0.2"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_more_points_than_asked_for_are_tried_first(count: int) -> None:
    one = in_space((X,), [trial(n, {"x": 0.2 * n}, float(n)) for n in (1, 2, 3, 4)])

    assert len(first_points(Encoding(space_of((X,))), [one], count)) == count


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_a_failure(value: float) -> None:
    found = in_space((X,), [trial(1, {"x": 0.2}, value), trial(2, {"x": 0.4}, 1.0)])

    assert np.isnan(found.losses[0])
    assert [point["x"] for point in found.first] == [0.4]


def test_the_best_earlier_trials_follow_the_default_in_a_study() -> None:
    parameters: Parameters = {
        "lr": 0.02,
        "depth": 6.0,
        "batch": 32.0,
        "optimizer": "sgd",
        "momentum": 0.9,
        "width": 64.0,
        "fixed": 2.0,
    }
    earlier = finished([trial(1, parameters, 0.1)], study())

    optimizer = optimizer_for(study(), "seed 1", 12, [earlier])
    without = optimizer_for(study(), "seed 1", 12)

    assert optimizer.suggest(1, []) == without.suggest(1, [])
    assert optimizer.suggest(2, []) == pytest.approx(parameters)
    assert optimizer.suggest(4, []) == without.suggest(4, [])


@pytest.mark.parametrize("startup", range(1, 40))
def test_at_least_one_and_at_most_a_third_of_the_startup_trials_are_earlier_points(startup: int) -> None:
    assert first_count(startup) == max(1, startup // 3)


def test_a_suggestion_is_the_same_in_every_process() -> None:
    spec = study((X, Y))
    earlier = finished(run(spec, 20, bowl, "old"), spec)
    history = run(spec, 9, bowl)

    suggestions = [optimizer_for(spec, "1", 12, [earlier]).suggest(10, history) for _ in range(2)]

    assert suggestions[0] == suggestions[1]


def regret(earlier: Sequence[HyperparameterTuningJob], count: int, seed: int) -> float:
    spec = study((X, Y))
    optimizer = optimizer_for(spec, f"seed {seed}", count, earlier)
    history: list[Trial] = []
    for number in range(1, count + 1):
        parameters = optimizer.suggest(number, history)
        history.append(trial(number, parameters, bowl(parameters)))
    return min(bowl(item.parameters) for item in history)


@pytest.mark.parametrize("change", [lambda v: v, lambda v: 1e6 * v - 4e7, lambda v: math.exp(9 * v)])
def test_an_earlier_study_of_the_same_order_helps_whatever_its_values_are(
    change: Callable[[float], float],
) -> None:
    spec = study((X, Y))
    earlier = finished(run(spec, 20, lambda p: change(bowl(p)), "old"), spec)

    assert np.median([regret([earlier], 8, seed) for seed in range(3)]) < 0.2 * np.median(
        [regret([], 8, seed) for seed in range(3)]
    )


def test_a_study_with_the_opposite_values_does_not_mislead_for_long() -> None:
    spec = study((X, Y))
    earlier = finished(run(spec, 20, lambda p: -bowl(p), "old"), spec)

    assert max(regret([earlier], 16, seed) for seed in range(3)) < 1e-3


def test_without_earlier_studies_nothing_changes() -> None:
    spec = study(EVERY_KIND)
    history = run(spec, 8, lambda p: float(p["lr"]))

    assert optimizer_for(spec, "1", 12).suggest(9, history) == optimizer_for(spec, "1", 12, []).suggest(9, history)


def test_a_study_with_few_or_equal_values_has_no_model() -> None:
    spec = study((X, Y))
    few = finished([trial(n, {"x": 0.1 * n, "y": 0.5}, float(n)) for n in (1, 2)], spec)
    equal = finished([trial(n, {"x": 0.1 * n, "y": 0.5}, 1.0) for n in range(1, 6)], spec)

    assert EarlierStudies(Encoding(space_of((X, Y))), (X, Y), [few, equal], 4).models == ()


def test_a_category_of_the_new_space_is_compared_by_its_name() -> None:
    earlier = ParameterSpec("optimizer", Categorical(("sgd", "adam", "lion")))
    job = finished([trial(1, {"optimizer": "sgd"}, 1.0)], study((earlier,)))

    found = earlier_study(Encoding(space_of((OPTIMIZER,))), (OPTIMIZER,), job)

    assert found.first == ({"optimizer": 1},)
