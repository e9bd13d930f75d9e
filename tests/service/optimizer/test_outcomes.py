"""The outcomes of infeasible trials and of outliers, beside those of the others."""

from __future__ import annotations

import numpy as np

from hydra_vertex.service.optimizer.outcomes import MAX_ABOVE, outcomes_of, without_outliers


def test_an_infeasible_trial_is_midway_between_the_median_and_the_worst() -> None:
    _, median, worst, infeasible = outcomes_of(np.array([0.0, 1.0, 2.0, np.nan]))

    assert np.isclose(infeasible, (median + worst) / 2)


def test_outliers_keep_their_order_and_their_size_does_not_count() -> None:
    usual = np.linspace(0.0, 1.0, 6)
    one, other = (without_outliers(np.array([*usual, first, last])) for first, last in ((10.0, 11.0), (1e6, 1e300)))

    assert one.tolist() == other.tolist()
    assert 1 + MAX_ABOVE <= one[-2] < one[-1] <= 2 + MAX_ABOVE
