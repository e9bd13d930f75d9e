"""Suggestions for several objectives: the hypervolume improvement, the scalarisation, and whole searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import DoubleRange, Goal, Measurement, MetricSpec, ParameterSpec, StudySpec, Trial, TrialState
from hydra_vertex.service.optimizer import Parameters, optimizer_for
from hydra_vertex.service.optimizer.encoding import Array
from hydra_vertex.service.optimizer.gaussian_process import Posterior, posterior
from hydra_vertex.service.optimizer.hyperparameters import Hyperparameters
from hydra_vertex.service.optimizer.hypervolume import (
    MAX_STEPS,
    LogHypervolumeImprovement,
    Staircase,
    reference_point,
    staircase,
)
from hydra_vertex.service.optimizer.pareto import non_dominated
from hydra_vertex.service.optimizer.scalarisation import scalarised, scaled
from hydra_vertex.service.optimizer.several_objectives import improvement_of_several

RNG = np.random.default_rng(3)
ROWS = RNG.random((12, 2))
LOSSES = np.column_stack([ROWS[:, 0] + 0.2 * ROWS[:, 1], (1 - ROWS[:, 0]) ** 2 + ROWS[:, 1]])
FIXED = Hyperparameters(np.array([0.5, 0.6]), 1.1, 1e-4)
NUMBERS = np.array([False, False])

Values = tuple[float, ...]


def model(outcomes: Array) -> Posterior:
    return posterior(ROWS, outcomes, NUMBERS, FIXED)


def acquisition(samples: int) -> LogHypervolumeImprovement:
    noise = 0.05 * RNG.standard_normal((12, 2, samples)) * (samples > 1)
    outcomes = LOSSES[:, :, None] + noise
    return LogHypervolumeImprovement(model(outcomes[:, 0]), model(outcomes[:, 1]), staircase(outcomes))


def area(points: Array, corner: Array) -> float:
    """Return the area that points dominate up to a corner, by a grid over all coordinates."""
    xs, ys = (np.unique(np.append(points[:, axis], corner[axis])) for axis in (0, 1))
    total = 0.0
    for x, width in zip(xs, np.diff(xs), strict=False):
        for y, height in zip(ys, np.diff(ys), strict=False):
            is_dominated = ((points[:, 0] <= x) & (points[:, 1] <= y)).any() and x < corner[0] and y < corner[1]
            total += width * height * float(is_dominated)
    return total


def test_the_expected_improvement_is_the_mean_gain_in_hypervolume_over_draws_of_both_models() -> None:
    found = acquisition(1)
    front = LOSSES[non_dominated(LOSSES)]
    corner = reference_point(LOSSES[:, :, None])
    before = area(front, corner)
    for row in np.random.default_rng(5).random((3, 2)):
        draws = np.random.default_rng(0).standard_normal((4000, 2))
        for axis, process in enumerate((found.first, found.second)):
            means, deviations = process.predict(row[None, :])
            draws[:, axis] = means[0, 0] + deviations[0] * draws[:, axis]
        gains = [area(np.vstack([front, draw]), corner) - before for draw in draws]
        error = np.std(gains) / np.sqrt(len(gains))
        assert np.exp(found(row[None, :])[0]) == pytest.approx(np.mean(gains), abs=4 * error)


def test_a_front_of_many_points_is_thinned_and_keeps_its_ends() -> None:
    position = np.linspace(0, 1, 500)
    stairs = staircase(np.column_stack([position, 1 - position])[:, :, None])
    assert stairs.ends.shape == (1, MAX_STEPS + 1)
    assert (stairs.ends[0, 0], stairs.ends[0, -2]) == (0.0, 1.0)
    assert np.all(np.diff(stairs.ends) > 0)
    assert np.all(np.diff(stairs.heights) < 0)


def test_samples_with_fronts_of_different_sizes_are_averaged() -> None:
    one, other = LOSSES.copy(), LOSSES.copy()
    other[0] = -1.0, -1.0  # dominates all others
    both = np.stack([one, other], axis=2)
    shared = LogHypervolumeImprovement(model(both[:, 0]), model(both[:, 1]), staircase(both))
    corner = reference_point(both)
    for row in np.random.default_rng(9).random((3, 2)):
        alone = []
        for sample in range(2):
            stairs = staircase(both[:, :, sample : sample + 1])
            ends, heights = stairs.ends.copy(), stairs.heights.copy()
            ends[0, -1], heights[0, 0] = corner
            found = LogHypervolumeImprovement(
                model(both[:, 0, sample]), model(both[:, 1, sample]), Staircase(ends, heights)
            )
            alone.append(np.exp(found(row[None, :])[0]))
        assert np.exp(shared(row[None, :])[0]) == pytest.approx(np.mean(alone))


def test_the_reference_point_has_a_margin_also_where_an_objective_is_constant() -> None:
    outcomes = np.array([[0.0, 1.0], [2.0, 1.0]])[:, :, None]
    assert reference_point(outcomes) == pytest.approx([2.2, 1.1])


@pytest.mark.parametrize("samples", [1, 4])
def test_the_gradient_of_the_hypervolume_improvement_agrees_with_finite_differences(samples: int) -> None:
    found = acquisition(samples)
    for row in np.random.default_rng(7).random((5, 2)):
        value, gradient = found.with_gradient(row)
        assert value == pytest.approx(float(found(row[None, :])[0]))
        moves = np.eye(2) * 1e-6
        expected = [float((found((row + m)[None, :]) - found((row - m)[None, :]))[0]) / 2e-6 for m in moves]
        assert gradient == pytest.approx(expected, rel=1e-3, abs=1e-5)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20))
def test_a_point_is_non_dominated_unless_another_one_is_nowhere_higher_and_somewhere_lower(
    points: list[tuple[int, ...]],
) -> None:
    losses = np.array(points, dtype=np.float64)
    expected = [
        not any(other != p and all(a <= b for a, b in zip(other, p, strict=True)) for other in points) for p in points
    ]
    assert non_dominated(losses).tolist() == expected


def test_an_infeasible_trial_is_not_in_the_front_and_has_no_scaled_loss() -> None:
    losses = np.array([[1.0, 3.0], [2.0, 1.0], [np.nan, np.nan], [4.0, 4.0]])
    assert non_dominated(losses).tolist() == [True, True, False, False]
    assert scaled(losses)[:2].tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert np.isnan(scaled(losses)[2]).all()


def test_with_one_point_in_the_front_the_worst_of_all_points_is_1() -> None:
    assert scaled(np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])).tolist() == [[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]


@pytest.mark.parametrize("seed", range(8))
def test_a_dominated_point_has_a_higher_scalarised_loss_for_all_weights(seed: int) -> None:
    losses = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    found = scalarised(losses, np.random.default_rng(seed))
    assert found[0] < found[1]


def test_each_scalarisation_has_other_weights_and_so_another_best_point() -> None:
    best = {int(np.argmin(scalarised(1 - np.eye(3), np.random.default_rng(seed)))) for seed in range(30)}
    assert best == {0, 1, 2}


@pytest.mark.parametrize("exploded", [1e3, 1e6, 1e308])
def test_exploded_losses_in_the_front_do_not_hide_the_order_of_the_others(exploded: float) -> None:
    good = np.linspace(0.3, 0.4, 8)
    losses = np.column_stack([[*good, exploded, exploded], [*good[::-1], 0.1, 0.2], np.ones(10)])
    found = scaled(losses)
    assert np.isfinite(found).all()
    assert np.diff(found[:8, 0]).min() > 0.01
    assert found[:8, 0].max() < found[8:, 0].min()


def test_the_made_up_outcomes_of_infeasible_trials_are_not_in_the_front() -> None:
    losses = np.array([[0.0, 1.0], [1.0, 0.0], [np.nan, np.nan]])
    found, _ = improvement_of_several(ROWS[:3], losses, np.empty((0, 2)), NUMBERS, np.random.default_rng(0))
    assert isinstance(found, LogHypervolumeImprovement)
    assert found.stairs.ends.shape == (1, 3), "two steps of two trials, and the last one"


@pytest.mark.parametrize("losses", [LOSSES, np.column_stack([LOSSES, np.ones(12)])], ids=["two", "three"])
def test_the_rows_of_the_pareto_set_come_first(losses: Array) -> None:
    _, ordered = improvement_of_several(ROWS, losses, np.empty((0, 2)), NUMBERS, np.random.default_rng(0))
    front = ROWS[non_dominated(losses)]
    assert sorted(ordered[: len(front)].tolist()) == sorted(front.tolist())
    assert sorted(ordered.tolist()) == sorted(ROWS.tolist())


def study(goals: Sequence[Goal], dimensions: int = 3) -> StudySpec:
    metrics = tuple(MetricSpec(f"f{index}", goal) for index, goal in enumerate(goals))
    return StudySpec(metrics, tuple(ParameterSpec(f"x{index}", DoubleRange(0, 1)) for index in range(dimensions)))


def conflict(point: Mapping[str, float | str]) -> Values:
    """Both objectives are best where x1 and x2 are 0; x0 trades one for the other."""
    x0, x1, x2 = (float(point[name]) for name in ("x0", "x1", "x2"))
    off = x1 + x2
    return x0**2 + off, (1 - x0) ** 2 + off


def search(
    spec: StudySpec, values: Callable[[Parameters], Values | None], trials: int, running: int = 2, job: str = "job"
) -> list[Trial]:
    """Return the ended trials of a study with `running` trials at once."""
    optimizer, history = optimizer_for(spec, job, trials), list[Trial]()
    for number in range(1, trials + running + 1):
        if number <= trials:
            history.append(Trial(str(number), TrialState.ACTIVE, optimizer.suggest(number, history)))
        if number > running:
            history[number - running - 1] = ended(history[number - running - 1], spec, values)
    return history


def ended(trial: Trial, spec: StudySpec, values: Callable[[Parameters], Values | None]) -> Trial:
    found = values(trial.parameters)
    if found is None:
        return Trial(trial.id, TrialState.INFEASIBLE, trial.parameters, infeasible_reason="failed")
    signed = {m.id: value if m.goal is Goal.MINIMIZE else -value for m, value in zip(spec.metrics, found, strict=True)}
    return Trial(trial.id, TrialState.SUCCEEDED, trial.parameters, final_measurement=Measurement(signed))


@pytest.mark.parametrize("goals", [(Goal.MINIMIZE, Goal.MINIMIZE), (Goal.MAXIMIZE, Goal.MINIMIZE)])
def test_the_search_finds_trials_along_the_front_for_every_goal(goals: tuple[Goal, Goal]) -> None:
    history = search(study(goals), conflict, 30)
    near = [trial for trial in history[12:] if float(trial.parameters["x1"]) + float(trial.parameters["x2"]) < 0.1]
    assert len(near) >= 9
    positions = [float(trial.parameters["x0"]) for trial in near]
    assert min(positions) < 0.25
    assert max(positions) > 0.75


def test_three_objectives_are_searched_too() -> None:
    def values(point: Parameters) -> Values:
        first, second = conflict(point)
        return first, second, float(point["x1"])

    history = search(study([Goal.MINIMIZE] * 3), values, 30)
    near = [trial for trial in history[12:] if float(trial.parameters["x1"]) + float(trial.parameters["x2"]) < 0.2]
    assert len(near) >= 9


def test_the_same_study_has_the_same_suggestions() -> None:
    spec = study([Goal.MINIMIZE, Goal.MINIMIZE])
    first, second = (search(spec, conflict, 12, job="one") for _ in range(2))
    assert [trial.parameters for trial in first] == [trial.parameters for trial in second]


@pytest.mark.parametrize(
    "values",
    [
        lambda point: None,
        lambda point: (1.0, 2.0),
        lambda point: (1.0, float(point["x0"])),
        lambda point: (float(point["x0"]), 1e300 * float(point["x1"])),
        lambda point: None if float(point["x0"]) > 0.3 else conflict(point),
    ],
    ids=["all fail", "all equal", "one is constant", "huge", "most fail"],
)
def test_every_history_gets_new_suggestions(values: Callable[[Parameters], Values | None]) -> None:
    history = search(study([Goal.MINIMIZE, Goal.MINIMIZE]), values, 14)
    assert len({tuple(trial.parameters.values()) for trial in history}) == 14


def test_a_trial_without_a_value_of_every_objective_counts_as_infeasible() -> None:
    spec = study([Goal.MINIMIZE, Goal.MINIMIZE])
    history = search(spec, conflict, 12)
    known = history[4]
    partial = Trial(known.id, known.state, known.parameters, final_measurement=Measurement({"f0": 0.0}))
    failed = Trial(known.id, TrialState.INFEASIBLE, known.parameters)
    first, second = (
        optimizer_for(spec, "job", 12).suggest(13, [*history[:4], changed, *history[5:]])
        for changed in (partial, failed)
    )
    assert first == second
