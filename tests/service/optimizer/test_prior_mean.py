"""The prior mean: weights by ranking, gradients against finite differences, left-out predictions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hydra_vertex.job import DoubleRange, ParameterSpec
from hydra_vertex.service.optimizer.acquisition import LogExpectedImprovement
from hydra_vertex.service.optimizer.encoding import Array, Encoding
from hydra_vertex.service.optimizer.gaussian_process import posterior
from hydra_vertex.service.optimizer.hyperparameters import Hyperparameters
from hydra_vertex.service.optimizer.other_study import EarlierStudy
from hydra_vertex.service.optimizer.prior_mean import (
    MAX_NEW_TRIALS,
    MAX_TRIALS,
    PriorMean,
    ShiftedPosterior,
    StudyModel,
    left_out_means,
    prior_mean,
    ranking_weights,
    study_models,
)
from hydra_vertex.service.space.search_space import space_of
from service.optimizer.test_model import CATEGORIES, HYPERPARAMETERS, OUTCOMES, ROWS, finite_differences

STANDARDISED = (OUTCOMES - OUTCOMES.mean()) / OUTCOMES.std()


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def model_of(outcomes: Array) -> StudyModel:
    return StudyModel(np.arange(3), posterior(ROWS, outcomes, CATEGORIES, HYPERPARAMETERS))


@pytest.mark.parametrize(("count", "least"), [(4, 0.4), (8, 0.8), (20, 0.99)])
def test_a_study_that_ranks_the_trials_right_gains_weight_with_their_number(count: int, least: float) -> None:
    outcomes = STANDARDISED[:count]
    weights = ranking_weights(np.array([np.exp(outcomes), -outcomes]), -outcomes, outcomes, rng())

    assert weights[0] > least
    assert weights[1] == 0.0


def test_a_study_that_ranks_worse_than_the_own_model_has_no_weight() -> None:
    predictions = np.array([rng().permutation(STANDARDISED)])

    assert ranking_weights(predictions, STANDARDISED, STANDARDISED, rng())[0] == 0.0


def test_a_study_that_predicts_one_value_everywhere_has_little_weight() -> None:
    weights = ranking_weights(np.zeros((1, 20)), -STANDARDISED, STANDARDISED, rng())

    assert weights[0] < 0.2


def test_equal_outcomes_give_no_weight() -> None:
    assert list(ranking_weights(np.array([STANDARDISED]), STANDARDISED, np.zeros(20), rng())) == [0.0]


def test_without_trust_there_is_no_prior_mean() -> None:
    own = posterior(ROWS, STANDARDISED, CATEGORIES, HYPERPARAMETERS)
    feasible = np.ones(20, dtype=bool)

    assert prior_mean((model_of(-STANDARDISED),), own, STANDARDISED, feasible, rng()) is None


def test_with_many_new_trials_the_earlier_studies_are_left_out() -> None:
    rows = np.random.default_rng(2).random((MAX_NEW_TRIALS + 1, 3))
    outcomes = rows[:, 0] - 0.5
    models = (StudyModel(np.arange(3), posterior(rows, outcomes, np.zeros(3, dtype=bool), HYPERPARAMETERS)),)
    own = posterior(rows, outcomes, np.zeros(3, dtype=bool), HYPERPARAMETERS)
    feasible = np.ones(len(rows), dtype=bool)

    assert prior_mean(models, own, outcomes, feasible, rng()) is None
    feasible[0] = False
    assert prior_mean(models, own, outcomes, feasible, rng()) is not None


def test_the_prior_mean_has_the_scale_of_the_new_outcomes() -> None:
    own = posterior(ROWS[:12], STANDARDISED[:12], CATEGORIES, HYPERPARAMETERS)

    prior = prior_mean((model_of(0.3 * STANDARDISED),), own, STANDARDISED[:12], np.ones(12, dtype=bool), rng())

    assert prior is not None
    assert 0.6 < np.std(prior.at(ROWS[:12])) / np.std(STANDARDISED[:12]) < 1.1


def test_the_gradient_with_a_prior_mean_agrees_with_finite_differences() -> None:
    two = StudyModel(np.array([1, 2]), posterior(ROWS[:, 1:], OUTCOMES, CATEGORIES[1:], _narrower()))
    prior = PriorMean((model_of(STANDARDISED), two), np.array([0.7, 0.2]), 0.1)
    residuals = posterior(ROWS, STANDARDISED - prior.at(ROWS), CATEGORIES, HYPERPARAMETERS)
    acquisition = LogExpectedImprovement(ShiftedPosterior(residuals, prior), np.array([STANDARDISED.min()]))

    for row in np.column_stack([rng().random((5, 2)), np.ones(5)]):
        value, gradient = acquisition.with_gradient(row)
        assert value == pytest.approx(float(acquisition(row[None, :])[0]))
        expected = finite_differences(lambda cells: float(acquisition(cells[None, :])[0]), row)
        assert gradient[:2] == pytest.approx(expected[:2], rel=1e-3, abs=1e-4)


def _narrower() -> Hyperparameters:
    return dataclasses.replace(HYPERPARAMETERS, lengthscales=HYPERPARAMETERS.lengthscales[1:])


def test_a_left_out_prediction_is_that_of_the_process_without_the_trial() -> None:
    own = posterior(ROWS, STANDARDISED, CATEGORIES, HYPERPARAMETERS)
    left_out = left_out_means(own, STANDARDISED)

    for index in (0, 7, 19):
        others = np.arange(20) != index
        without = posterior(ROWS[others], STANDARDISED[others], CATEGORIES, HYPERPARAMETERS)
        assert left_out[index] == pytest.approx(without.predict(ROWS[index : index + 1])[0][0, 0], abs=1e-6)


def test_a_long_earlier_study_is_modelled_by_as_many_trials_as_are_affordable() -> None:
    rows = np.random.default_rng(4).random((MAX_TRIALS + 5, 1))
    study = EarlierStudy(rows, rows[:, 0], np.array([True]), ())
    space = space_of([ParameterSpec("x", DoubleRange(0.0, 1.0))])

    (model,) = study_models(Encoding(space), [study])

    assert len(model.process.rows) == MAX_TRIALS
    assert rows[:, 0].min() in model.process.rows
