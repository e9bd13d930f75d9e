"""The parts of the Gaussian process: slopes against differences, limits, what is known against what is predicted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import Discrete, IntegerRange, ParameterSpec, ScaleType
from hydra_vertex.service.optimizer.acquisition import LogExpectedImprovement, log_h
from hydra_vertex.service.optimizer.encoding import INACTIVE_NUMBER, Encoding, Matrix
from hydra_vertex.service.optimizer.gaussian_process import guess, posterior
from hydra_vertex.service.optimizer.hyperparameters import Hyperparameters, fit_hyperparameters
from hydra_vertex.service.optimizer.maximise_acquisition import best_row
from hydra_vertex.service.optimizer.model import expected_improvement
from hydra_vertex.service.optimizer.outcomes import informative, outcomes_of, standardised, yeo_johnson_normalised
from hydra_vertex.service.space.search_space import point_at, space_of
from service.optimizer.test_optimizer import BATCH, EVERY_KIND, LR, MODEL, OPTIMIZER, WIDTH

SOURCE = np.random.default_rng(0)
ROWS = np.column_stack([SOURCE.random((20, 2)), SOURCE.integers(0, 3, 20).astype(float)])
CATEGORIES = np.array([False, False, True])
OUTCOMES = np.sin(5 * ROWS[:, 0]) + ROWS[:, 1] ** 2 + 0.5 * (ROWS[:, 2] == 1)
GIVEN = Hyperparameters(np.array([0.4, 0.7, 1.5]), 1.3, 1e-5)


def differences(value: object, row: Matrix, step: float = 1e-6) -> Matrix:
    moves = np.eye(len(row)) * step
    return np.array([(value(row + move) - value(row - move)) / (2 * step) for move in moves])  # type: ignore[operator]


def test_the_process_goes_through_what_is_known_and_is_sure_there() -> None:
    means, deviations = posterior(ROWS, OUTCOMES, CATEGORIES, GIVEN).predict(ROWS)
    assert means[:, 0] == pytest.approx(OUTCOMES, abs=1e-3)
    assert deviations.max() < 0.01


def test_far_from_all_that_is_known_the_process_knows_nothing() -> None:
    means, deviations = posterior(ROWS, OUTCOMES, CATEGORIES, GIVEN).predict(np.array([[90.0, 90.0, 0.0]]))
    assert means[0, 0] == pytest.approx(0.0, abs=1e-6)
    assert deviations[0] == pytest.approx(math.sqrt(1.3))


def test_the_slopes_of_the_acquisition_are_those_of_its_values() -> None:
    guesses = np.column_stack([OUTCOMES, OUTCOMES + 0.1 * SOURCE.standard_normal(20)])
    process = posterior(ROWS, guesses, CATEGORIES, GIVEN)
    acquisition = LogExpectedImprovement(process, guesses.min(axis=0))
    for row in np.column_stack([SOURCE.random((5, 2)), np.ones(5)]):
        value, slopes = acquisition.with_slopes(row)
        assert value == pytest.approx(float(acquisition(row[None, :])[0]))
        expected = differences(lambda cells: float(acquisition(cells[None, :])[0]), row)
        assert slopes[:2] == pytest.approx(expected[:2], rel=1e-3, abs=1e-5)


def test_the_hyperparameters_tell_what_matters_from_what_does_not() -> None:
    rows = np.random.default_rng(1).random((60, 2))
    fitted = fit_hyperparameters(rows, np.sin(6 * rows[:, 0]), np.array([False, False]))
    assert fitted.lengthscales[0] * 5 < fitted.lengthscales[1]
    assert fitted.noise < 1e-3


@pytest.mark.parametrize("score", [-1e3, -299.0, -30.0, -1.001, -0.999, 0.0, 3.0, 40.0])
def test_the_logarithm_of_the_improvement_is_accurate_far_out_too(score: float) -> None:
    from scipy.special import erfcx

    density = -(score**2) / 2 - 0.5 * math.log(2 * math.pi)
    if score >= 0:
        expected = math.log(score * 0.5 * math.erfc(-score / math.sqrt(2)) + math.exp(density))
    elif score > -100:
        expected = density + math.log1p(math.sqrt(math.pi / 2) * score * float(erfcx(-score / math.sqrt(2))))
    else:
        expected = density - 2 * math.log(-score)
    assert float(log_h(np.array([score]))[0]) == pytest.approx(expected, rel=1e-4)


def test_a_running_trial_makes_its_surroundings_less_promising() -> None:
    running = np.array([[0.9, 0.1, 2.0]])
    alone, _ = expected_improvement(ROWS, OUTCOMES, np.empty((0, 3)), CATEGORIES, np.random.default_rng(0))
    beside, _ = expected_improvement(ROWS, OUTCOMES, running, CATEGORIES, np.random.default_rng(0))
    near = np.array([[0.901, 0.1, 2.0]])
    assert float(beside(near)[0]) < float(alone(near)[0]) - 1.0


def test_guesses_are_as_wide_as_the_process_is_unsure() -> None:
    process = posterior(ROWS, OUTCOMES, CATEGORIES, GIVEN)
    near, far = ROWS[:1] + np.array([[1e-6, 0, 0]]), np.array([[50.0, 50.0, 0.0]])
    guesses = guess(process, np.vstack([near, far]), 400, np.random.default_rng(0))
    assert guesses[0].std() < 0.02
    assert guesses[1].std() == pytest.approx(math.sqrt(1.3), rel=0.15)


@given(st.lists(st.floats(-1e308, 1e308) | st.just(math.nan), min_size=2, max_size=30))
def test_outcomes_keep_the_order_of_losses_and_failures_are_the_worst(losses: list[float]) -> None:
    values = np.array(losses)
    if np.isfinite(values).sum() == 0:
        return
    outcomes = outcomes_of(values)
    assert np.isfinite(outcomes).all()
    feasible = np.isfinite(values)
    ordered = outcomes[feasible][np.argsort(values[feasible], kind="stable")]
    assert (np.diff(ordered) >= -1e-9).all()
    assert (outcomes[~feasible] >= outcomes[feasible].max() - 1e-9).all()


def test_losses_with_a_heavy_tail_are_bent_towards_the_shape_of_a_bell() -> None:
    losses = np.exp(3 * np.random.default_rng(0).standard_normal(200))
    assert abs(float((yeo_johnson_normalised(losses) ** 3).mean())) < 0.33 * abs(
        float((standardised(losses) ** 3).mean())
    )


def test_the_telling_trials_are_the_best_and_the_newest() -> None:
    assert informative(np.array([5.0, 1.0, math.nan, 2.0, 9.0, 8.0]), 4).tolist() == [1, 3, 4, 5]
    assert informative(np.array([5.0, 1.0]), 4).tolist() == [0, 1]


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=len(EVERY_KIND), max_size=len(EVERY_KIND)))
def test_a_point_is_found_again_in_its_row(units: list[float]) -> None:
    space = space_of(EVERY_KIND)
    encoding = Encoding(space)
    rows = encoding.rows([point_at(space, units)])
    assert encoding.rows([encoding.point(rows[0])]) == pytest.approx(rows)
    assert encoding.snap(rows) == pytest.approx(rows)


def test_points_that_differ_only_in_what_is_inactive_have_one_row() -> None:
    encoding = Encoding(space_of([MODEL]))
    rows = encoding.from_units(np.array([[0.1, 0.2, 0.3, 0.5], [0.1, 0.8, 0.9, 0.5]]))
    assert (rows[0] == rows[1]).all()
    assert rows[0, 1] == INACTIVE_NUMBER
    assert encoding.point(rows[0]) == pytest.approx({"model": 0, "lr": 1e-3})


def test_a_wide_whole_number_is_continuous_to_the_model_and_whole_in_the_point() -> None:
    encoding = Encoding(space_of([ParameterSpec("n", IntegerRange(1, 10**6), ScaleType.LOG)]))
    assert encoding.columns[0].places is None
    assert encoding.point(np.array([0.5])) == {"n": pytest.approx(1000, rel=0.3)}


class Bowl:
    """An acquisition that is best at one row."""

    def __init__(self, centre: list[float]) -> None:
        self._centre = np.array(centre)

    def __call__(self, rows: Matrix) -> Matrix:
        return np.asarray(-np.square(rows - self._centre).sum(axis=1))

    def with_slopes(self, row: Matrix) -> tuple[float, Matrix]:
        return float(self(row[None, :])[0]), -2.0 * (row - self._centre)


def test_the_best_row_is_found_over_numbers_choices_and_categories() -> None:
    space = space_of([LR, WIDTH, BATCH, OPTIMIZER])
    encoding = Encoding(space)
    target = encoding.rows([point_at(space, [0.123, 0.7, 0.9, 0.9])])[0]
    found = best_row(encoding, Bowl(target.tolist()), target[None, :] * 0, np.empty((0, 4)), np.random.default_rng(0))
    assert found == pytest.approx(target, abs=1e-6)


def test_a_row_that_is_taken_is_not_found_again() -> None:
    encoding = Encoding(space_of([ParameterSpec("a", Discrete((1.0, 2.0, 3.0))), OPTIMIZER]))
    everything = encoding.rows([{"a": a, "optimizer": o} for a in range(3) for o in range(2)])
    bowl, source = Bowl([0.5, 0.0]), np.random.default_rng(0)
    for count in range(6):
        found = best_row(encoding, bowl, everything[:1], everything[:count], source)
        assert found is not None
        assert found.tolist() in everything[count:].tolist()
    assert best_row(encoding, bowl, everything[:1], everything, source) is None
