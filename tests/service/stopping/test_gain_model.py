"""The Gaussian process that predicts the remaining gain of a curve."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from hydra_vertex.service.stopping.gain_model import LENGTH_SCALES, NOISES, SLOPES, predict

Array = NDArray[np.float64]

RUNS = np.array([[0.0, 1.0], [0.5, 0.3], [1.0, 0.8], [1.5, 0.1], [2.0, 0.9]])
GAINS = np.array([0.1, 0.4, 0.8, 1.4, 1.9])
KNOWN = np.zeros(5)


def one(features: Array, gains: Array, variances: Array, point: list[float]) -> tuple[float, float]:
    (mean,), (deviation,) = predict(features, gains, variances, np.array([point]))
    return float(mean), float(deviation)


def reference(point: list[float]) -> tuple[float, float]:
    """Return mean and deviation from the joint density of runs and point, kernel by kernel, by plain inverses."""
    centre, spread = RUNS.mean(axis=0), RUNS.std(axis=0)
    rows = np.vstack([(RUNS - centre) / spread, (np.array(point) - centre) / spread])
    targets = (GAINS - GAINS.mean()) / GAINS.std()
    weights, means, variances = [], [], []
    for length, slope, noise in itertools.product(LENGTH_SCALES, SLOPES, NOISES):
        distances = np.array([[((a - b) ** 2).sum() for b in rows] for a in rows])
        joint = np.exp(-distances / (2 * length**2)) + slope * rows @ rows.T + noise * np.eye(len(rows))
        own, cross = joint[:5, :5], joint[:5, 5]
        weights.append(multivariate_normal(np.zeros(5), own).pdf(targets))
        means.append(cross @ np.linalg.inv(own) @ targets)
        variances.append(joint[5, 5] - cross @ np.linalg.inv(own) @ cross)
    mean = np.average(means, weights=weights)
    variance = np.average(variances + (means - mean) ** 2, weights=weights)
    return GAINS.mean() + GAINS.std() * mean, GAINS.std() * math.sqrt(variance)


@pytest.mark.parametrize("point", [[0.7, 0.5], [3.0, -1.0], [1.0, 0.8]])
def test_the_prediction_is_the_average_over_all_kernels_weighted_by_their_evidence(point: list[float]) -> None:
    assert one(RUNS, GAINS, KNOWN, point) == pytest.approx(reference(point), rel=1e-4)


def test_a_trend_is_extrapolated_with_a_growing_deviation() -> None:
    near, far = one(RUNS, GAINS, KNOWN, [1.5, 0.5]), one(RUNS, GAINS, KNOWN, [4.0, 0.5])

    assert far[0] > max(GAINS)
    assert far[1] > 2 * near[1]


def test_an_uncertain_run_counts_for_less_than_a_certain_one() -> None:
    gains = np.array([*GAINS[:-1], -3.0])
    uncertain = np.array([0.0, 0.0, 0.0, 0.0, 100.0])

    assert one(RUNS, gains, KNOWN, [2.0, 0.9])[0] < 0 < one(RUNS, gains, uncertain, [2.0, 0.9])[0]


@given(st.lists(st.floats(-50, 50), min_size=4, max_size=8), st.floats(-50, 50))
def test_runs_with_equal_features_give_a_finite_prediction(ends: list[float], point: float) -> None:
    same = np.ones((len(ends), 2))
    mean, deviation = one(same, np.array(ends), np.zeros(len(ends)), [point, 1.0])

    assert math.isfinite(mean)
    assert 0 < deviation < math.inf


def test_several_points_are_predicted_as_each_alone() -> None:
    points = [[0.2, 0.1], [1.8, 0.7], [5.0, 5.0]]
    means, deviations = predict(RUNS, GAINS, KNOWN, np.array(points))

    assert list(zip(means, deviations, strict=True)) == [
        pytest.approx(one(RUNS, GAINS, KNOWN, point)) for point in points
    ]
