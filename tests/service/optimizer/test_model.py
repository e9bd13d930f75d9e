"""The parts of the Bayesian search: predictions, gradients against finite differences, transforms, the maximiser."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import Discrete, IntegerRange, ParameterSpec, ScaleType
from hydra_vertex.service.optimizer.acquisition import LogExpectedImprovement, log_h
from hydra_vertex.service.optimizer.encoding import INACTIVE_NUMBER, Array, Encoding
from hydra_vertex.service.optimizer.gaussian_process import posterior, sample_outcomes
from hydra_vertex.service.optimizer.hyperparameters import Hyperparameters, fit_hyperparameters
from hydra_vertex.service.optimizer.maximise_acquisition import best_row
from hydra_vertex.service.optimizer.model import expected_improvement
from hydra_vertex.service.optimizer.outcomes import informative, outcomes_of, standardised, yeo_johnson_normalised
from hydra_vertex.service.space.search_space import point_at, space_of
from service.optimizer.test_optimizer import BATCH, EVERY_KIND, LR, MODEL, OPTIMIZER, WIDTH

RNG = np.random.default_rng(0)
ROWS = np.column_stack([RNG.random((20, 2)), RNG.integers(0, 3, 20).astype(float)])
CATEGORIES = np.array([False, False, True])
OUTCOMES = np.sin(5 * ROWS[:, 0]) + ROWS[:, 1] ** 2 + 0.5 * (ROWS[:, 2] == 1)
HYPERPARAMETERS = Hyperparameters(np.array([0.4, 0.7, 1.5]), 1.3, 1e-5)


def finite_differences(value: object, row: Array, step: float = 1e-6) -> Array:
    moves = np.eye(len(row)) * step
    return np.array([(value(row + move) - value(row - move)) / (2 * step) for move in moves])  # type: ignore[operator]


def test_the_posterior_mean_interpolates_the_outcomes_with_little_deviation() -> None:
    means, deviations = posterior(ROWS, OUTCOMES, CATEGORIES, HYPERPARAMETERS).predict(ROWS)
    assert means[:, 0] == pytest.approx(OUTCOMES, abs=1e-3)
    assert deviations.max() < 0.01


def test_far_from_all_rows_the_prediction_is_the_prior() -> None:
    means, deviations = posterior(ROWS, OUTCOMES, CATEGORIES, HYPERPARAMETERS).predict(np.array([[90.0, 90.0, 0.0]]))
    assert means[0, 0] == pytest.approx(0.0, abs=1e-6)
    assert deviations[0] == pytest.approx(math.sqrt(1.3))


def test_the_gradient_of_the_acquisition_agrees_with_finite_differences() -> None:
    samples = np.column_stack([OUTCOMES, OUTCOMES + 0.1 * RNG.standard_normal(20)])
    process = posterior(ROWS, samples, CATEGORIES, HYPERPARAMETERS)
    acquisition = LogExpectedImprovement(process, samples.min(axis=0))
    for row in np.column_stack([RNG.random((5, 2)), np.ones(5)]):
        value, gradient = acquisition.with_gradient(row)
        assert value == pytest.approx(float(acquisition(row[None, :])[0]))
        expected = finite_differences(lambda cells: float(acquisition(cells[None, :])[0]), row)
        assert gradient[:2] == pytest.approx(expected[:2], rel=1e-3, abs=1e-5)


def test_a_parameter_without_influence_gets_a_longer_length_scale() -> None:
    rows = np.random.default_rng(1).random((60, 2))
    fitted = fit_hyperparameters(rows, np.sin(6 * rows[:, 0]), np.array([False, False]))
    assert fitted.lengthscales[0] * 5 < fitted.lengthscales[1]
    assert fitted.noise < 1e-3


@pytest.mark.parametrize("score", [-1e3, -299.0, -30.0, -1.001, -0.999, 0.0, 3.0, 40.0])
def test_the_log_improvement_is_accurate_for_scores_far_from_zero_too(score: float) -> None:
    from scipy.special import erfcx

    density = -(score**2) / 2 - 0.5 * math.log(2 * math.pi)
    if score >= 0:
        expected = math.log(score * 0.5 * math.erfc(-score / math.sqrt(2)) + math.exp(density))
    elif score > -100:
        expected = density + math.log1p(math.sqrt(math.pi / 2) * score * float(erfcx(-score / math.sqrt(2))))
    else:
        expected = density - 2 * math.log(-score)
    assert float(log_h(np.array([score]))[0]) == pytest.approx(expected, rel=1e-4)


def test_a_running_trial_lowers_the_expected_improvement_near_it() -> None:
    running = np.array([[0.9, 0.1, 2.0]])
    alone, _ = expected_improvement(ROWS, OUTCOMES, np.empty((0, 3)), CATEGORIES, np.random.default_rng(0))
    beside, _ = expected_improvement(ROWS, OUTCOMES, running, CATEGORIES, np.random.default_rng(0))
    near = np.array([[0.901, 0.1, 2.0]])
    assert float(beside(near)[0]) < float(alone(near)[0]) - 1.0


def test_samples_have_the_deviation_of_the_prediction() -> None:
    process = posterior(ROWS, OUTCOMES, CATEGORIES, HYPERPARAMETERS)
    near, far = ROWS[:1] + np.array([[1e-6, 0, 0]]), np.array([[50.0, 50.0, 0.0]])
    samples = sample_outcomes(process, np.vstack([near, far]), 400, np.random.default_rng(0))
    assert samples[0].std() < 0.02
    assert samples[1].std() == pytest.approx(math.sqrt(1.3), rel=0.15)


@given(st.lists(st.floats(-1e308, 1e308) | st.just(math.nan), min_size=2, max_size=30))
def test_outcomes_keep_the_order_of_losses_and_failures_are_in_the_worse_half(losses: list[float]) -> None:
    values = np.array(losses)
    if np.isfinite(values).sum() == 0:
        return
    outcomes = outcomes_of(values)
    assert np.isfinite(outcomes).all()
    feasible = np.isfinite(values)
    ordered = outcomes[feasible][np.argsort(values[feasible], kind="stable")]
    assert (np.diff(ordered) >= -1e-9).all()
    assert (outcomes[~feasible] >= np.median(outcomes[feasible]) - 1e-9).all()


@given(
    st.lists(st.floats(0.1, 2.0), min_size=4, max_size=30, unique=True),
    st.lists(st.floats(20.0, 1e308), min_size=1, max_size=15, unique=True),
)
def test_losses_that_explode_do_not_hide_the_differences_among_the_good_ones(
    good: list[float], exploded: list[float]
) -> None:
    exploded = exploded[: len(good) // 2]
    outcomes = outcomes_of(np.array(good + exploded))
    moderate = outcomes_of(np.array(good + [20.0 + rank for rank in np.argsort(np.argsort(exploded))]))
    assert outcomes == pytest.approx(moderate)
    assert np.ptp(outcomes[: len(good)]) > 0.5


def test_a_failure_is_worse_than_equal_losses() -> None:
    outcomes = outcomes_of(np.array([0.5, math.nan, 0.5, 0.5]))
    assert outcomes[1] > outcomes[0] == outcomes[2] == outcomes[3]


def test_the_transform_reduces_the_skewness_of_losses_with_a_heavy_tail() -> None:
    losses = np.exp(3 * np.random.default_rng(0).standard_normal(200))
    assert abs(float((yeo_johnson_normalised(losses) ** 3).mean())) < 0.33 * abs(
        float((standardised(losses) ** 3).mean())
    )


def test_the_informative_trials_are_the_best_and_the_newest() -> None:
    assert informative(np.array([5.0, 1.0, math.nan, 2.0, 9.0, 8.0]), 4).tolist() == [1, 3, 4, 5]
    assert informative(np.array([5.0, 1.0]), 4).tolist() == [0, 1]


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=len(EVERY_KIND), max_size=len(EVERY_KIND)))
def test_a_point_is_decoded_from_its_row(units: list[float]) -> None:
    space = space_of(EVERY_KIND)
    encoding = Encoding(space)
    rows = encoding.rows([point_at(space, units)])
    assert encoding.rows([encoding.point(rows[0])]) == pytest.approx(rows)
    assert encoding.snap(rows) == pytest.approx(rows)


def test_points_that_differ_only_in_inactive_parameters_have_the_same_row() -> None:
    encoding = Encoding(space_of([MODEL]))
    rows = encoding.from_units(np.array([[0.1, 0.2, 0.3, 0.5], [0.1, 0.8, 0.9, 0.5]]))
    assert (rows[0] == rows[1]).all()
    assert rows[0, 1] == INACTIVE_NUMBER
    assert encoding.point(rows[0]) == pytest.approx({"model": 0, "lr": 1e-3})


def test_an_integer_with_many_values_is_continuous_in_the_model_and_an_integer_in_the_point() -> None:
    encoding = Encoding(space_of([ParameterSpec("n", IntegerRange(1, 10**6), ScaleType.LOG)]))
    assert encoding.columns[0].levels is None
    assert encoding.point(np.array([0.5])) == {"n": pytest.approx(1000, rel=0.3)}


class Quadratic:
    """An acquisition function with its maximum at one row."""

    def __init__(self, centre: list[float]) -> None:
        self._centre = np.array(centre)

    def __call__(self, rows: Array) -> Array:
        return np.asarray(-np.square(rows - self._centre).sum(axis=1))

    def with_gradient(self, row: Array) -> tuple[float, Array]:
        return float(self(row[None, :])[0]), -2.0 * (row - self._centre)


def test_the_maximum_is_found_over_numbers_discrete_values_and_categories() -> None:
    space = space_of([LR, WIDTH, BATCH, OPTIMIZER])
    encoding = Encoding(space)
    target = encoding.rows([point_at(space, [0.123, 0.7, 0.9, 0.9])])[0]
    found = best_row(
        encoding, Quadratic(target.tolist()), target[None, :] * 0, np.empty((0, 4)), np.random.default_rng(0)
    )
    assert found == pytest.approx(target, abs=1e-6)


def test_a_row_that_was_tried_is_not_returned_again() -> None:
    encoding = Encoding(space_of([ParameterSpec("a", Discrete((1.0, 2.0, 3.0))), OPTIMIZER]))
    everything = encoding.rows([{"a": a, "optimizer": o} for a in range(3) for o in range(2)])
    quadratic, rng = Quadratic([0.5, 0.0]), np.random.default_rng(0)
    for count in range(6):
        found = best_row(encoding, quadratic, everything[:1], everything[:count], rng)
        assert found is not None
        assert found.tolist() in everything[count:].tolist()
    assert best_row(encoding, quadratic, everything[:1], everything, rng) is None
