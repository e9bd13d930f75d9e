"""Orders, halves, further trials and unknown ends: what each number means, where it can be computed by hand."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from hydra_vertex.job import Algorithm, DecayCurveStopping, HyperparameterTuningJob, MedianStopping
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.replay import RecordedStudy, Setting, outcome_of, recorded_study
from hydra_vertex.service.replay.another_study import random_halves
from hydra_vertex.service.replay.compare import default_resamples
from hydra_vertex.service.replay.orders import random_orders
from hydra_vertex.service.replay.statistics import central, t_quantile
from service.replay.studies import ended_trial, falling, job_of, stopped_trial, studies

NONE = Setting("none", None, 2, 12)
MEDIAN = Setting("median", MedianStopping(), 2, 12)


def job(count: int = 12, interval_s: float = 10.0) -> HyperparameterTuningJob:
    return job_of([ended_trial(n, falling(n), interval_s=interval_s) for n in range(1, count + 1)], parallel=2)


def at_random(job: HyperparameterTuningJob) -> HyperparameterTuningJob:
    return replace(job, study_spec=replace(job.study_spec, algorithm=Algorithm.RANDOM_SEARCH))


@given(studies(), st.integers(0, 12))
@settings(deadline=None)
def test_an_order_has_all_trials_once_and_the_startup_trials_first(study: RecordedStudy, startup: int) -> None:
    for order in random_orders(study.trials, startup, 3, seed=1):
        ids = [trial.trial.id for trial in order]
        known = [trial.trial.id for trial in study.trials]
        assert sorted(ids[:startup]) == sorted(known[:startup])
        assert sorted(ids) == sorted(known)


def test_the_startup_trials_and_the_others_both_change_places() -> None:
    orders = [[t.trial.id for t in order] for order in random_orders(recorded_study(job()).trials, 4, 20, seed=1)]

    assert len({tuple(order[:4]) for order in orders}) > 10
    assert len({tuple(order[4:]) for order in orders}) > 10


def test_nine_of_ten_other_studies_of_exchangeable_trials_are_in_the_interval() -> None:
    source = random.Random(1)  # noqa: S311 - lengths, no secret
    contained = 0
    for _ in range(150):
        record, other = ([source.lognormvariate(0, 0.6) for _ in range(16)] for _ in range(2))
        trials = [ended_trial(n, [1.0], interval_s=length) for n, length in enumerate(record, start=1)]
        another = outcome_of(recorded_study(at_random(job_of(trials))), replace(NONE, trials=16), 20, 0).another
        assert another is not None
        contained += another.worker_s.low <= math.fsum(other) <= another.worker_s.high

    assert 0.84 < contained / 150 < 0.97


@given(studies(min_trials=2), st.integers(0, 12))
@settings(deadline=None)
def test_a_half_has_half_of_the_trials_in_their_order_and_half_of_the_startup_trials(
    study: RecordedStudy, startup: int
) -> None:
    first = {trial.trial.id for trial in study.trials[:startup]}
    for half in random_halves(study.trials, startup, 3, seed=1):
        numbers = [int(trial.trial.id) for trial in half]
        assert numbers == sorted(set(numbers))
        assert len(half) == len(study.trials) // 2
        assert sum(trial.trial.id in first for trial in half) == len(first) // 2


def test_each_trial_is_in_half_of_the_halves() -> None:
    study = recorded_study(at_random(job(10)))
    found = Counter(trial.trial.id for half in random_halves(study.trials, 0, 2000, seed=1) for trial in half)

    assert all(0.45 < count / 2000 < 0.55 for count in found.values())


def test_halves_vary_around_the_whole_as_the_theory_says() -> None:
    """The variance of the mean of half of n numbers without replacement is that of the mean of n numbers."""
    study = recorded_study(at_random(job_of([ended_trial(n, [1.0], interval_s=n**1.5) for n in range(1, 21)])))
    durations = [trial.duration_s for trial in study.trials]
    means = [
        statistics.fmean(trial.duration_s for trial in half) for half in random_halves(study.trials, 0, 4000, seed=1)
    ]

    assert statistics.stdev(means) == pytest.approx(statistics.stdev(durations) / math.sqrt(20), rel=0.05)


def test_the_quantile_of_student_s_distribution_is_within_half_a_percent() -> None:
    for degrees in (3, 4, 5, 10, 30, 100):
        assert t_quantile(degrees) == pytest.approx(student.ppf(0.95, degrees), rel=5e-3)


def test_the_central_interval_leaves_out_a_twentieth_on_each_side() -> None:
    interval = central([float(value) for value in range(101)])

    assert (interval.low, interval.high) == (pytest.approx(5.0), pytest.approx(95.0))
    assert (central([3.0]).low, central([3.0]).high) == (3.0, 3.0)


def test_a_seed_gives_the_same_intervals_again_and_another_one_others() -> None:
    study = recorded_study(job_of([ended_trial(n, falling(n), interval_s=5.0 * n) for n in range(1, 13)]))

    assert outcome_of(study, MEDIAN, 10, 1) == outcome_of(study, MEDIAN, 10, 1)
    assert outcome_of(study, MEDIAN, 10, 1).another != outcome_of(study, MEDIAN, 10, 2).another


def test_trials_of_equal_length_have_an_interval_of_no_width() -> None:
    another = outcome_of(recorded_study(job()), NONE, 20, 0).another

    assert another is not None
    assert (another.worker_s.low, another.worker_s.high) == (pytest.approx(960.0), pytest.approx(960.0))
    assert another.saved_share is None


def test_no_interval_for_another_study_of_fewer_than_eight_trials() -> None:
    few = outcome_of(recorded_study(job(7)), replace(NONE, trials=7), 20, 0)

    assert few.another is None
    assert few.worker_s.interval is None
    assert few.orders is not None


def test_without_resamples_there_are_no_intervals() -> None:
    outcome = outcome_of(recorded_study(job()), MEDIAN, 0, 0)

    assert (outcome.orders, outcome.another) == (None, None)


def test_the_orders_count_how_often_the_best_trial_is_stopped() -> None:
    """The best one is bad until its end, so it is stopped unless it is one of the first five to end."""
    curves = [*[falling(1)] * 11, [9.0] * 7 + [0.1]]
    study = recorded_study(at_random(job_of([ended_trial(n, curve) for n, curve in enumerate(curves, start=1)])))
    orders = outcome_of(study, replace(MEDIAN, parallel=1), 60, 0).orders

    assert orders is not None
    assert orders.best_stopped / orders.count == pytest.approx(7 / 12, abs=0.2)
    assert orders.mean_regret == pytest.approx(orders.best_stopped / orders.count * (falling(1)[-1] - 0.1))


def test_further_trials_of_equal_length_take_as_long_as_the_recorded_ones() -> None:
    outcome = outcome_of(recorded_study(job()), replace(NONE, trials=20), 20, 0)

    assert outcome.further is not None
    assert (outcome.further.count, outcome.further.drawn_from) == (8, 8)
    assert outcome.further.chance_of_better == 0.5
    assert (outcome.worker_s.low, outcome.wall_s.low) == (pytest.approx(20 * 80.0), pytest.approx(10 * 80.0))
    interval = outcome.worker_s.interval
    assert interval is not None
    assert interval.low == pytest.approx(interval.high)


def test_more_than_twice_the_recorded_trials_are_refused_by_name() -> None:
    study = recorded_study(job())

    outcome_of(study, replace(NONE, trials=24), 0, 0)
    with pytest.raises(UserError, match=r"--trials 25: study has 12 ended trials.*give at most 24"):
        outcome_of(study, replace(NONE, trials=25), 0, 0)


def cut_study(length: int) -> RecordedStudy:
    """Return a study whose last trial was stopped after so many of its 8 measurements."""
    whole = [ended_trial(n, falling(1 + 0.1 * n)) for n in range(1, 12)]
    return recorded_study(job_of([*whole, stopped_trial(12, falling(9)[:length])], rule=DecayCurveStopping()))


def test_the_bounds_of_an_unknown_end_are_the_end_of_the_record_and_the_longest_complete_trial() -> None:
    outcome = outcome_of(cut_study(3), NONE, 0, 0)

    assert outcome.ends.ids == ("12",)
    assert (outcome.worker_s.low, outcome.worker_s.high) == (pytest.approx(11 * 80 + 30), pytest.approx(12 * 80))


def test_a_bad_curve_that_was_cut_is_predicted_not_to_become_the_best() -> None:
    ends = outcome_of(cut_study(3), NONE, 0, 0).ends

    assert ends.chance_of_best is not None
    assert ends.best_value is not None
    assert 0.0 <= ends.chance_of_best < 0.5
    assert ends.best_value < 9.0


def test_of_too_few_complete_curves_nothing_is_predicted() -> None:
    trials = [*(ended_trial(n, falling(1)) for n in range(1, 4)), stopped_trial(4, falling(9)[:3])]
    ends = outcome_of(recorded_study(job_of(trials)), replace(NONE, trials=4), 0, 0).ends

    assert (ends.ids, ends.chance_of_best, ends.best_value) == (("4",), None, None)


def test_long_curves_get_fewer_resamples_by_default_but_not_fewer_than_twenty() -> None:
    few = recorded_study(job())
    many = recorded_study(job_of([ended_trial(n, [float(n)] * 900) for n in range(1, 13)]))

    assert (default_resamples(few, NONE), default_resamples(few, MEDIAN), default_resamples(many, MEDIAN)) == (
        100,
        100,
        20,
    )
