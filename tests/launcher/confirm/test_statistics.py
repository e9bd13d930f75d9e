"""Means, paired differences and corrected p-values, compared with scipy.stats, and their error rate in simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hydra_vertex.launcher.confirm.statistics import (
    LEVEL,
    Estimate,
    estimate_mean,
    holm,
    paired_difference,
)

RANDOM = np.random.default_rng(20260131)
SAMPLES = [RANDOM.normal(centre, spread, size).tolist() for centre, spread, size in [
    (0.0, 1.0, 2), (0.3, 1e-4, 3), (-5.0, 2.0, 5), (1e6, 1.0, 10), (1e-9, 1e-10, 30),
]]  # fmt: skip


@pytest.mark.parametrize("values", SAMPLES, ids=len)
def test_the_interval_is_that_of_scipy(values: list[float]) -> None:
    found = estimate_mean(values)

    expected = stats.t.interval(LEVEL, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert found is not None
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.mean == pytest.approx(np.mean(values))


@pytest.mark.parametrize("values", SAMPLES, ids=len)
def test_the_p_value_of_a_paired_difference_is_that_of_scipy(values: list[float]) -> None:
    others = RANDOM.normal(0, 1, len(values)) * np.std(values)
    second = dict(enumerate((np.array(values) - others - 0.1 * np.std(values)).tolist()))

    found = paired_difference(dict(enumerate(values)), second)

    assert found.p == pytest.approx(stats.ttest_rel(values, list(second.values())).pvalue, abs=1e-12)


def test_only_seeds_that_both_have_are_compared() -> None:
    found = paired_difference({1: 1.0, 2: 2.0, 3: 9.0}, {1: 0.5, 2: 1.0, 4: -9.0})

    assert found.estimate is not None
    assert (found.estimate.count, found.estimate.mean) == (2, 0.75)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        ({}, {}, 1.0),
        ({1: 1.0}, {1: 0.0}, 1.0),
        ({1: 1.0}, {2: 0.0}, 1.0),
        ({1: 1.0, 2: 2.0}, {1: 1.0, 2: 2.0}, 1.0),
        ({1: 1.0, 2: 2.0}, {1: 0.0, 2: 1.0}, 0.0),
    ],
)
def test_a_difference_without_a_variance_has_a_p_value_of_0_or_1(
    first: dict[int, float], second: dict[int, float], p: float
) -> None:
    assert paired_difference(first, second).p == p


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    assert estimate_mean([0.5]) == Estimate(1, 0.5)
    assert estimate_mean([]) is None


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        # By hand: 4 * 0.005, 3 * 0.01, 2 * 0.02, 1 * 0.03, each at least as large as the one before.
        ([0.01, 0.02, 0.03, 0.005], [0.03, 0.04, 0.04, 0.02]),
        ([0.6, 0.5], [1.0, 1.0]),
        ([0.04], [0.04]),
        ([], []),
    ],
)
def test_p_values_are_corrected_by_holm_s_method(p_values: list[float], expected: list[float]) -> None:
    assert holm(p_values) == pytest.approx(expected)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("shared_noise", [0.0, 2.0])
def test_equal_configurations_are_seldom_told_apart(count: int, shared_noise: float) -> None:
    """The best by the mean is compared with all others, which is the decision for `settled`."""
    random = np.random.default_rng(count)
    runs, seeds = 1000, 5
    wrong = sum(_is_told_apart(random, count, seeds, shared_noise) for _ in range(runs))

    # 5 %, and three standard deviations of the count of 1000 runs.
    assert wrong <= runs * (0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5)


def test_a_difference_of_several_standard_deviations_is_told() -> None:
    random = np.random.default_rng(1)

    assert sum(_is_told_apart(random, 3, 5, 1.0, gap=5.0) for _ in range(50)) >= 45


def _is_told_apart(random: np.random.Generator, count: int, seeds: int, shared: float, gap: float = 0.0) -> bool:
    values = random.normal(0, 1, (count, seeds)) + shared * random.normal(0, 1, seeds) + gap * np.arange(count)[:, None]
    order = np.argsort(values.mean(axis=1))
    best, *others = [dict(enumerate(values[index].tolist())) for index in order]
    return max(holm([paired_difference(best, other).p for other in others])) <= 1 - LEVEL
