"""The predicted final cost of a running trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import Goal, MetricSpec, Trial
from hydra_vertex.service.stopping.curve import Curve, curves_of
from hydra_vertex.service.stopping.prediction import (
    MAX_COMPLETE,
    MAX_STOPPED,
    MIN_COMPLETE,
    LabelledCurve,
    Prediction,
    Unit,
    predict_final_cost,
    predict_finals,
)
from service.stopping.curves import METRIC, decay, trial

LOSS = MetricSpec(METRIC, Goal.MINIMIZE)
COMPLETE = [decay(number, end) for number, end in enumerate([1.0, 1.2, 1.5, 2.0, 3.0], start=1)]


def predicted(running: Trial, others: Sequence[Trial]) -> Prediction:
    found = maybe_predicted(running, others)
    assert found is not None
    return found


def maybe_predicted(running: Trial, others: Sequence[Trial]) -> Prediction | None:
    curves = curves_of(running, others, LOSS, None)
    return None if curves is None else predict_final_cost(curves)


def decay_at_rate(number: int, end: float, rate: float, *, known: int = 12, **options: bool) -> Trial:
    """Return a trial whose curve falls from 10 towards `end` at `rate`: the first `known` of its 12 measurements."""
    return trial(number, [end + (10 - end) * rate**step for step in range(known)], **options)


@given(best=st.floats(-5, 5), scale=st.floats(0.01, 10), cost=st.floats(-20, 20))
def test_a_cost_is_the_same_after_a_round_trip_through_the_unit(best: float, scale: float, cost: float) -> None:
    unit = Unit(best, scale)

    assert unit.cost(unit.of(cost)) == pytest.approx(cost, abs=1e-6)


@given(scale=st.floats(0.01, 10), costs=st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)))
def test_the_unit_keeps_the_order_of_costs(scale: float, costs: tuple[float, float]) -> None:
    low, high = sorted(costs)

    assert Unit(1.0, scale).of(low) <= Unit(1.0, scale).of(high)


def test_a_run_that_diverged_by_powers_of_ten_is_less_than_thirty_units_from_the_best() -> None:
    assert 20 < Unit(0.0, 1.0).of(1e10) < 30


@pytest.mark.parametrize("end", [1.1, 1.8, 2.5])
def test_a_curve_is_predicted_from_runs_of_the_same_shape(end: float) -> None:
    reached = decay(0, end).measurements[-1].metrics[METRIC]
    found = predicted(decay(99, end, known=5, ended=False), COMPLETE)

    assert found.cost == pytest.approx(reached, abs=0.1 * (decay(0, end).measurements[4].metrics[METRIC] - reached))


def test_with_fewer_than_four_complete_runs_nothing_is_predicted_however_many_stopped_ones_there_are() -> None:
    stopped = [decay(number, 4.0, known=8, stopped=True) for number in range(10, 30)]
    running = decay(99, 2.0, known=4, ended=False)

    assert MIN_COMPLETE == 4
    assert maybe_predicted(running, [*COMPLETE[:3], *stopped]) is None
    assert maybe_predicted(running, [*COMPLETE[:4], *stopped]) is not None


def test_stopped_runs_improve_the_prediction_of_curves_unlike_the_complete_ones() -> None:
    """The complete runs are good and fall fast; those that fall slowly were stopped early."""
    rng = np.random.default_rng(1)
    complete = [decay_at_rate(number, rng.uniform(1, 1.6), rng.uniform(0.5, 0.6)) for number in range(1, 7)]
    stopped = [
        decay_at_rate(number, rng.uniform(3, 6), rng.uniform(0.6, 0.7), known=9, stopped=True)
        for number in range(10, 22)
    ]
    running = decay_at_rate(99, 4.5, 0.66, known=3, ended=False)
    reached = decay_at_rate(99, 4.5, 0.66).measurements[-1].metrics[METRIC]
    without, with_them = predicted(running, complete), predicted(running, [*complete, *stopped])

    assert abs(with_them.cost - reached) < 0.5 * abs(without.cost - reached)
    assert with_them.deviation < without.deviation
    assert with_them.probability_of_best < without.probability_of_best


def test_a_stopped_run_does_not_affect_predictions_beyond_its_end() -> None:
    stopped = [decay(number, 5.0, known=3, stopped=True) for number in range(10, 20)]
    running = decay(99, 2.0, known=3, ended=False)

    assert predicted(running, [*COMPLETE, *stopped]) == predicted(running, COMPLETE)


def test_a_run_with_an_unknown_final_cost_does_not_affect_the_prediction() -> None:
    unit, steps = Unit(1.0, 1.0), tuple(float(step) for step in range(1, 6))
    curves = [Curve(steps, tuple(start / step for step in steps)) for start in (4.0, 5.0, 6.0, 8.0, 9.0)]
    certain = [LabelledCurve(curve, curve.costs[-1] / 2 + number / 10) for number, curve in enumerate(curves)]
    uncertain = [LabelledCurve(known.curve, known.final, deviation=1e6) for known in certain]
    running = [Curve(steps[:3], (7.0, 3.5, 2.4))]

    assert predict_finals([*certain, *uncertain], running, unit) == [
        pytest.approx(predict_finals(certain, running, unit)[0])
    ]
    assert predict_finals([*certain, *certain], running, unit)[0][1] < predict_finals(certain, running, unit)[0][1]


def test_curves_with_equal_costs_are_distinguished_by_their_recent_slope() -> None:
    def so_far(late: float) -> list[float]:
        return [9.0, 8.0, 7.0, 6.0, 5.0, 5.0, late, late, late, 4.0]

    complete = [trial(number, [*so_far(4.9), 2.0 + number / 100]) for number in range(1, 6)]
    complete += [trial(number, [*so_far(4.1), 3.0 + number / 100]) for number in range(6, 11)]
    steep, flat = (predicted(trial(99, so_far(late), ended=False), complete) for late in (4.9, 4.1))

    assert steep.cost < 2.3 < 2.8 < flat.cost


def test_a_stopped_run_counts_only_if_enough_complete_runs_are_longer() -> None:
    complete = [decay(number, 1.0 + number / 10, length=10 if number < 4 else 6) for number in range(1, 5)]
    running = decay(99, 2.0, known=4, ended=False)
    early, late = (decay(10, 3.0, known=known, stopped=True) for known in (5, 7))

    assert predicted(running, [*complete, late]) == predicted(running, complete)
    assert predicted(running, [*complete, early]) != predicted(running, complete)


def test_of_many_trials_the_newest_are_used() -> None:
    """The time of a decision does not grow with the number of trials."""
    running = decay(99, 2.0, known=4, ended=False)
    complete = [decay(number, 3.0 - number / 100) for number in range(1, MAX_COMPLETE + 20)]
    stopped = [decay(1000 + number, 3.0 + number / 10, known=8, stopped=True) for number in range(MAX_STOPPED + 20)]
    newest = [*complete[-MAX_COMPLETE:], *stopped[-MAX_STOPPED:]]

    assert predicted(running, [*complete, *stopped]) == predicted(running, newest)
    assert predicted(running, newest) != predicted(running, newest[1:])
    assert predicted(running, newest) != predicted(running, newest[:-1])


def test_the_expected_cost_is_not_below_the_best() -> None:
    found = predicted(decay(99, 0.0, known=8, ended=False), COMPLETE)

    assert found.mean < 0
    assert found.cost == found.best
    assert found.probability_of_best > 0.9
