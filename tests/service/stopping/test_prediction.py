"""What a running trial is expected to come to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import Goal, MetricSpec, Trial
from hydra_vertex.service.stopping.curve import Curve, curves_of
from hydra_vertex.service.stopping.prediction import (
    LEAST_WHOLE,
    MOST_STOPPED,
    MOST_WHOLE,
    Known,
    Outlook,
    Unit,
    ends_of,
    outlook_of,
)
from service.stopping.curves import METRIC, decay, trial

LOSS = MetricSpec(METRIC, Goal.MINIMIZE)
WHOLE = [decay(number, end) for number, end in enumerate([1.0, 1.2, 1.5, 2.0, 3.0], start=1)]


def outlook(running: Trial, others: Sequence[Trial]) -> Outlook:
    found = maybe_outlook(running, others)
    assert found is not None
    return found


def maybe_outlook(running: Trial, others: Sequence[Trial]) -> Outlook | None:
    curves = curves_of(running, others, LOSS, None)
    return None if curves is None else outlook_of(curves)


def bent(number: int, end: float, rate: float, *, known: int = 12, **options: bool) -> Trial:
    """A curve that falls from 10 towards `end`, at a rate of its own: the first `known` of its 12 measurements."""
    return trial(number, [end + (10 - end) * rate**step for step in range(known)], **options)


@given(best=st.floats(-5, 5), scale=st.floats(0.01, 10), cost=st.floats(-20, 20))
def test_a_cost_in_the_unit_is_the_cost_again(best: float, scale: float, cost: float) -> None:
    unit = Unit(best, scale)

    assert unit.cost(unit.of(cost)) == pytest.approx(cost, abs=1e-6)


@given(scale=st.floats(0.01, 10), costs=st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)))
def test_the_unit_keeps_the_order_of_costs(scale: float, costs: tuple[float, float]) -> None:
    low, high = sorted(costs)

    assert Unit(1.0, scale).of(low) <= Unit(1.0, scale).of(high)


def test_a_run_that_diverged_by_powers_of_ten_is_only_some_units_off() -> None:
    assert 20 < Unit(0.0, 1.0).of(1e10) < 30


@pytest.mark.parametrize("end", [1.1, 1.8, 2.5])
def test_where_a_curve_leads_is_known_from_runs_of_its_kind(end: float) -> None:
    reached = decay(0, end).measurements[-1].metrics[METRIC]
    found = outlook(decay(99, end, known=5, ended=False), WHOLE)

    assert found.cost == pytest.approx(reached, abs=0.1 * (decay(0, end).measurements[4].metrics[METRIC] - reached))


def test_fewer_than_four_whole_runs_tell_nothing_whatever_stopped_ones_there_are() -> None:
    stopped = [decay(number, 4.0, known=8, stopped=True) for number in range(10, 30)]
    running = decay(99, 2.0, known=4, ended=False)

    assert LEAST_WHOLE == 4
    assert maybe_outlook(running, [*WHOLE[:3], *stopped]) is None
    assert maybe_outlook(running, [*WHOLE[:4], *stopped]) is not None


def test_stopped_runs_show_where_those_lead_that_the_whole_ones_are_not_like() -> None:
    """The whole runs are good and fall fast; what falls slowly was stopped, and is known only from there on."""
    source = np.random.default_rng(1)
    whole = [bent(number, source.uniform(1, 1.6), source.uniform(0.5, 0.6)) for number in range(1, 7)]
    stopped = [
        bent(number, source.uniform(3, 6), source.uniform(0.6, 0.7), known=9, stopped=True) for number in range(10, 22)
    ]
    running = bent(99, 4.5, 0.66, known=3, ended=False)
    reached = bent(99, 4.5, 0.66).measurements[-1].metrics[METRIC]
    without, with_them = outlook(running, whole), outlook(running, [*whole, *stopped])

    assert abs(with_them.cost - reached) < 0.5 * abs(without.cost - reached)
    assert with_them.deviation < without.deviation
    assert with_them.chance_to_be_best < without.chance_to_be_best


def test_a_stopped_run_tells_nothing_of_what_goes_on_beyond_its_end() -> None:
    stopped = [decay(number, 5.0, known=3, stopped=True) for number in range(10, 20)]
    running = decay(99, 2.0, known=3, ended=False)

    assert outlook(running, [*WHOLE, *stopped]) == outlook(running, WHOLE)


def test_a_run_whose_end_is_wholly_in_doubt_tells_nothing() -> None:
    unit, steps = Unit(1.0, 1.0), tuple(float(step) for step in range(1, 6))
    curves = [Curve(steps, tuple(start / step for step in steps)) for start in (4.0, 5.0, 6.0, 8.0, 9.0)]
    certain = [Known(curve, curve.costs[-1] / 2 + number / 10) for number, curve in enumerate(curves)]
    in_doubt = [Known(known.curve, known.final, deviation=1e6) for known in certain]
    running = [Curve(steps[:3], (7.0, 3.5, 2.4))]

    assert ends_of([*certain, *in_doubt], running, unit) == [pytest.approx(ends_of(certain, running, unit)[0])]
    assert ends_of([*certain, *certain], running, unit)[0][1] < ends_of(certain, running, unit)[0][1]


def test_curves_that_stand_alike_are_told_apart_by_how_they_got_there_lately() -> None:
    def so_far(late: float) -> list[float]:
        return [9.0, 8.0, 7.0, 6.0, 5.0, 5.0, late, late, late, 4.0]

    whole = [trial(number, [*so_far(4.9), 2.0 + number / 100]) for number in range(1, 6)]
    whole += [trial(number, [*so_far(4.1), 3.0 + number / 100]) for number in range(6, 11)]
    steep, flat = (outlook(trial(99, so_far(late), ended=False), whole) for late in (4.9, 4.1))

    assert steep.cost < 2.3 < 2.8 < flat.cost


def test_a_stopped_run_counts_only_where_enough_whole_ones_went_further() -> None:
    whole = [decay(number, 1.0 + number / 10, length=10 if number < 4 else 6) for number in range(1, 5)]
    running = decay(99, 2.0, known=4, ended=False)
    early, late = (decay(10, 3.0, known=known, stopped=True) for known in (5, 7))

    assert outlook(running, [*whole, late]) == outlook(running, whole)
    assert outlook(running, [*whole, early]) != outlook(running, whole)


def test_of_many_trials_the_newest_are_learnt_from() -> None:
    """So that a decision takes no longer the longer a study is."""
    running = decay(99, 2.0, known=4, ended=False)
    whole = [decay(number, 3.0 - number / 100) for number in range(1, MOST_WHOLE + 20)]
    stopped = [decay(1000 + number, 3.0 + number / 10, known=8, stopped=True) for number in range(MOST_STOPPED + 20)]
    newest = [*whole[-MOST_WHOLE:], *stopped[-MOST_STOPPED:]]

    assert outlook(running, [*whole, *stopped]) == outlook(running, newest)
    assert outlook(running, newest) != outlook(running, newest[1:])
    assert outlook(running, newest) != outlook(running, newest[:-1])


def test_the_expected_cost_is_not_below_the_best() -> None:
    found = outlook(decay(99, 0.0, known=8, ended=False), WHOLE)

    assert found.mean < 0
    assert found.cost == found.best
    assert found.chance_to_be_best > 0.9
