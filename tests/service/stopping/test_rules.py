"""When the stopping rules stop a trial, and when they let it continue."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import (
    AutomatedStopping,
    ConvexStopping,
    DecayCurveStopping,
    Goal,
    Measurement,
    MedianStopping,
    Trial,
)
from hydra_vertex.service.stopping import decide
from hydra_vertex.service.stopping.curve import curves_of
from hydra_vertex.service.stopping.prediction import predict_final_cost
from service.stopping.curves import METRIC, decay, study_spec, trial

RULES: list[AutomatedStopping] = [MedianStopping(), DecayCurveStopping(), ConvexStopping(min_measurement_count=3)]
GOOD = [decay(number, end) for number, end in enumerate([1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0], start=1)]


def stops(rule: AutomatedStopping, running: Trial, others: list[Trial], goal: Goal = Goal.MINIMIZE) -> bool:
    return decide(study_spec(rule, goal), running, [*others, running]) is not None


def mirrored(one: Trial) -> Trial:
    """Return the trial with the sign of every value changed."""

    def negated(measurement: Measurement) -> Measurement:
        return dataclasses.replace(measurement, metrics={METRIC: -measurement.metrics[METRIC]})

    final = one.final_measurement
    return dataclasses.replace(
        one,
        measurements=tuple(negated(m) for m in one.measurements),
        final_measurement=None if final is None else negated(final),
    )


def scaled(one: Trial, factor: float) -> Trial:
    final = one.final_measurement
    measurements = tuple(dataclasses.replace(m, metrics={METRIC: factor * m.metrics[METRIC]}) for m in one.measurements)
    return dataclasses.replace(one, measurements=measurements, final_measurement=final and measurements[-1])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize(
    ("running", "is_stopped"),
    [
        (decay(99, 9.9, known=8, ended=False), True),
        (decay(99, 0.1, known=8, ended=False), False),
        (decay(99, 9.9, known=1, ended=False), False),
        (trial(99, [], ended=False), False),
    ],
    ids=["worse than all", "the best so far", "after one measurement", "nothing measured"],
)
def test_a_rule_stops_a_bad_trial_and_lets_the_best_continue(
    rule: AutomatedStopping, running: Trial, is_stopped: bool
) -> None:
    assert stops(rule, running, GOOD) is is_stopped


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_no_rule_stops_a_trial_before_a_few_trials_have_ended(rule: AutomatedStopping) -> None:
    assert not stops(rule, decay(99, 9.9, known=8, ended=False), GOOD[:3])


def test_without_a_rule_nothing_is_stopped() -> None:
    assert decide(study_spec(None), decay(99, 9.9, known=8, ended=False), GOOD) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@given(ends=st.lists(st.floats(0, 9), min_size=5, max_size=9), end=st.floats(0, 12), known=st.integers(2, 9))
def test_a_maximised_metric_is_judged_as_its_mirror_image(
    rule: AutomatedStopping, ends: list[float], end: float, known: int
) -> None:
    others = [decay(number, other) for number, other in enumerate(ends, start=1)]
    running = decay(99, end, known=known, ended=False)
    turned = [mirrored(one) for one in others]

    assert stops(rule, running, others) == stops(rule, mirrored(running), turned, Goal.MAXIMIZE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@given(ends=st.lists(st.integers(0, 9), min_size=5, max_size=9), end=st.integers(0, 12), power=st.integers(-8, 8))
def test_the_unit_of_the_metric_does_not_change_the_decision(
    rule: AutomatedStopping, ends: list[int], end: int, power: int
) -> None:
    others = [decay(number, other) for number, other in enumerate(ends, start=1)]
    running = decay(99, end, known=5, ended=False)
    factor = 2.0**power

    assert stops(rule, running, others) == stops(rule, scaled(running, factor), [scaled(one, factor) for one in others])


@pytest.mark.parametrize("rule", [MedianStopping(), ConvexStopping(min_measurement_count=3)], ids=["median", "convex"])
@given(end=st.floats(0, 9), worse=st.floats(0, 5))
def test_a_trial_that_is_worse_at_every_step_is_stopped_whenever_the_better_one_is(
    rule: AutomatedStopping, end: float, worse: float
) -> None:
    values = [end + (10 - end) * 0.6**step for step in range(6)]
    better, other = trial(99, values, ended=False), trial(99, [value + worse for value in values], ended=False)

    assert stops(rule, other, GOOD) or not stops(rule, better, GOOD)


def test_the_median_rule_uses_the_averages_up_to_the_same_step() -> None:
    others = [trial(number, [8.0, average * 2 - 8.0, 0.0]) for number, average in enumerate([1, 2, 3, 4, 5], start=1)]

    assert not stops(MedianStopping(), trial(9, [9.0, 3.0], ended=False), others)
    assert stops(MedianStopping(), trial(9, [9.0, 3.1], ended=False), others)


def test_over_seconds_a_slow_trial_is_compared_with_the_values_of_others_at_the_same_time() -> None:
    others = [trial(n, [9.0, 5.0, 1.0], seconds=[10.0, 20.0, 30.0]) for n in range(1, 6)]
    running = trial(9, [9.0, 8.0], seconds=[1.0, 2.0], ended=False)

    assert stops(MedianStopping(), running, others)
    assert not stops(MedianStopping(use_elapsed_duration=True), running, others)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_if_batch_sizes_differ_the_measurements_are_counted_instead_of_the_steps(rule: AutomatedStopping) -> None:
    others = [
        dataclasses.replace(
            one, measurements=tuple(dataclasses.replace(m, step_count=m.step_count * size) for m in one.measurements)
        )
        for one, size in zip(GOOD, [1, 2, 4, 8, 1, 2, 4], strict=True)
    ]
    good, bad = (
        trial(99, [m.metrics[METRIC] for m in decay(0, end).measurements[:6]], steps=range(16, 112, 16), ended=False)
        for end in (0.5, 9.0)
    )

    assert not stops(rule, good, others)
    assert stops(rule, bad, others)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_trial_without_steps_is_compared_by_the_number_of_its_measurements(rule: AutomatedStopping) -> None:
    def stepless(one: Trial) -> Trial:
        measurements = tuple(dataclasses.replace(m, step_count=0) for m in one.measurements)
        return dataclasses.replace(one, measurements=measurements)

    others = [stepless(one) for one in GOOD]

    assert stops(rule, stepless(decay(99, 9.0, known=6, ended=False)), others)
    assert not stops(rule, stepless(decay(99, 0.5, known=6, ended=False)), others)


def probability_of_best(running: Trial) -> float:
    curves = curves_of(running, GOOD, study_spec(None).objective, None)
    prediction = None if curves is None else predict_final_cost(curves)
    assert prediction is not None
    return prediction.probability_of_best


def test_the_decay_curve_rule_stops_below_a_probability_of_one_percent_and_not_above() -> None:
    outcomes = {
        (probability_of_best(running), stops(DecayCurveStopping(), running, GOOD))
        for end in range(100, 300)
        for running in [decay(99, end / 100, known=3, ended=False)]
    }

    assert any(0.01 < probability < 0.05 for probability, _ in outcomes)
    assert any(0.001 < probability < 0.01 for probability, _ in outcomes)
    assert all(is_stopped is (probability < 0.01) for probability, is_stopped in outcomes)


def test_the_decay_curve_rule_needs_complete_runs() -> None:
    stopped = [decay(number, 1.0, known=3, stopped=True) for number in range(1, 9)]

    assert not stops(DecayCurveStopping(), decay(99, 9.0, known=6, ended=False), stopped)


def test_a_slow_start_is_no_reason_to_stop_if_earlier_slow_starters_won() -> None:
    """The earlier trials that started slowly ended better than those that started fast."""
    slow = [trial(n, [10.0] * 5 + [1.0 + 0.1 * n] * 5) for n in range(1, 5)]
    fast = [trial(n, [5.0] * 5 + [4.0 + 0.1 * n] * 5) for n in range(5, 9)]
    running = [trial(99, [value] * 4, ended=False) for value in (10.0, 5.0)]

    assert [stops(DecayCurveStopping(), one, [*slow, *fast]) for one in running] == [False, True]


@pytest.mark.parametrize(
    ("rule", "is_stopped"),
    [
        (ConvexStopping(), True),
        (ConvexStopping(min_measurement_count=7), False),
        (ConvexStopping(min_step_count=5), True),
        (ConvexStopping(min_step_count=6), False),
        (ConvexStopping(max_step_count=10), True),
        (ConvexStopping(max_step_count=10_000), False),
    ],
)
def test_the_convex_rule_applies_its_limits(rule: ConvexStopping, is_stopped: bool) -> None:
    assert stops(rule, decay(99, 8.0, known=6, ended=False), GOOD) is is_stopped


def test_the_convex_rule_does_not_stop_a_flat_curve() -> None:
    assert not stops(ConvexStopping(), trial(99, [9.0] * 6, ended=False), GOOD)


def test_the_convex_rule_adds_a_predicted_measurement_that_is_worse_than_the_best() -> None:
    stop = decide(study_spec(ConvexStopping(max_step_count=20)), decay(99, 8.0, known=6, ended=False), GOOD)

    assert stop is not None
    assert stop.predicted is not None
    assert stop.predicted.step_count == 20
    assert stop.predicted.metrics[METRIC] > 1.0


def test_the_convex_rule_predicts_from_the_learning_rate() -> None:
    rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
    others = [trial(n, [9.0, 8.0, 7.0, 6.5, 6.2, 6.0, 5.0 + n / 2], lr=rate) for n, rate in enumerate(rates, start=1)]

    def predicted(rate: float) -> float:
        running = trial(99, [9.5, 9.0, 8.9, 8.8, 8.75], ended=False, lr=rate)
        rule = ConvexStopping(learning_rate_parameter_name="lr")
        stop = decide(study_spec(rule), running, others)
        assert stop is not None
        assert stop.predicted is not None
        return stop.predicted.metrics[METRIC]

    assert predicted(1.0) > predicted(0.03) + 1.0


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (MedianStopping(), "its best value up to step 6, 9.07776, is worse than the median"),
        (DecayCurveStopping(), "with 9.07776 at step 6, its probability of ending better than the best value"),
        (ConvexStopping(), "if it kept the slope of its later half after step 6, it would reach"),
    ],
)
def test_the_reason_names_the_values_and_the_step(rule: AutomatedStopping, reason: str) -> None:
    stop = decide(study_spec(rule), decay(99, 9.0, known=6, ended=False), GOOD)

    assert stop is not None
    assert stop.reason.startswith(reason)


def test_a_probability_that_few_runs_do_not_support_is_stated_as_below_a_limit() -> None:
    reasons = [
        stop.reason.rsplit(" is ", maxsplit=1)[1]
        for end in range(100, 300)
        if (stop := decide(study_spec(DecayCurveStopping()), decay(99, end / 100, known=3, ended=False), GOOD))
    ]

    assert reasons[-1] == "below 0.001"
    assert all(0.001 <= float(reason) < 0.01 for reason in reasons if reason != "below 0.001")
    assert len(set(reasons)) > 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize(("earlier", "own"), [(9.9, 0.1), (0.1, 9.9)], ids=["was bad", "was good"])
def test_a_restarted_trial_is_judged_by_its_last_attempt(rule: AutomatedStopping, earlier: float, own: float) -> None:
    lost, again = decay(99, earlier, ended=False), decay(99, own, known=8, ended=False)
    # Steps 9 and 10 remain from the lost attempt.
    measurements = (*lost.measurements[8:], *again.measurements)
    merged = dataclasses.replace(again, measurements=measurements, earlier_measurements=2)
    assert stops(rule, merged, GOOD) is stops(rule, again, GOOD) is (own > earlier)
