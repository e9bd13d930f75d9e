"""The expected final value of a stopped trial, from which the optimiser learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from hydra_vertex.job import Goal, Measurement, MetricSpec, StudySpec, Trial, TrialState
from hydra_vertex.service.optimizer import optimizer_for
from hydra_vertex.service.stopping.expected_end import ExpectedEnds, expected_end
from service.stopping.curves import METRIC, decay, study_spec
from service.stopping.curves import trial as curve

LOSS = MetricSpec(METRIC, Goal.MINIMIZE)
ENDS = [1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0]
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def at(trial: Trial, minute: float) -> Trial:
    return replace(trial, end_time=BEGIN + timedelta(minutes=minute))


COMPLETE = [at(decay(number, end), number) for number, end in enumerate(ENDS, start=1)]


def stopped(end: float, known: int = 4) -> Trial:
    return at(decay(50, end, known=known, stopped=True), 50)


def mirrored(trial: Trial) -> Trial:
    values = tuple(replace(m, metrics={METRIC: -m.metrics[METRIC]}) for m in trial.measurements)
    return replace(trial, measurements=values, final_measurement=values[-1])


@pytest.mark.parametrize("end", [2.0, 3.0, 4.5])
def test_the_expected_end_is_much_closer_to_the_true_end_than_the_last_value(end: float) -> None:
    trial = stopped(end)
    last, reached = trial.objective(METRIC), decay(0, end).objective(METRIC)
    expected = expected_end(trial, COMPLETE, LOSS)

    assert last is not None
    assert reached is not None
    assert expected is not None
    assert abs(expected - reached) < 0.25 * abs(last - reached)


def test_the_expected_end_is_not_better_than_the_best_value() -> None:
    best = min(value for trial in COMPLETE if (value := trial.objective(METRIC)) is not None)

    assert expected_end(stopped(0.0, known=8), COMPLETE, LOSS) == pytest.approx(best)


@pytest.mark.parametrize("end", [3.0, 4.5, 7.0, 9.0])
def test_a_falling_curve_unlike_the_few_complete_runs_is_not_expected_to_rise(end: float) -> None:
    trial = stopped(end)
    last, expected = trial.objective(METRIC), expected_end(trial, COMPLETE[:4], LOSS)

    assert last is not None
    assert expected is not None
    assert expected <= last * (1 + 1e-9)


def test_where_all_curves_rise_the_end_is_expected_above_the_last_value() -> None:
    def rising(number: int, start: float, known: int = 10) -> Trial:
        values = [start + 0.2 * step for step in range(known)]
        return at(curve(number, values, stopped=known < 10), number)

    trial = rising(50, 2.2, known=4)
    expected = expected_end(trial, [rising(number, 1.0 + number / 4) for number in range(1, 7)], LOSS)

    assert expected == pytest.approx(2.2 + 0.2 * 9, abs=0.2)


def test_the_best_run_of_all_is_used_however_many_runs_ended_after_it() -> None:
    best = at(decay(1, 1.0), 1)
    later = [at(decay(number, 3.0 + number / 100), number / 10) for number in range(100, 300)]
    trial = stopped(1.1, known=9)
    with_best, without = expected_end(trial, [best, *later], LOSS), expected_end(trial, later, LOSS)

    assert with_best is not None
    assert without == pytest.approx(min(t.objective(METRIC) or math.inf for t in later))
    assert with_best < 1.5


def test_a_maximised_metric_is_the_mirror_image() -> None:
    expected = expected_end(stopped(3.0), COMPLETE, LOSS)
    maximised = MetricSpec(METRIC, Goal.MAXIMIZE)

    assert expected is not None
    assert expected_end(mirrored(stopped(3.0)), [mirrored(t) for t in COMPLETE], maximised) == pytest.approx(-expected)


def test_runs_that_ended_later_do_not_change_the_expected_end() -> None:
    later = [at(decay(number, 7.0), number) for number in range(60, 70)]

    assert expected_end(stopped(3.0), [*COMPLETE, *later], LOSS) == expected_end(stopped(3.0), COMPLETE, LOSS)


@pytest.mark.parametrize("others", [[], COMPLETE[:3], [replace(t, stopping_reason="it was bad") for t in COMPLETE]])
def test_with_too_few_complete_runs_the_expected_end_is_the_last_value(others: Sequence[Trial]) -> None:
    assert expected_end(stopped(3.0), others, LOSS) == stopped(3.0).objective(METRIC)


def test_the_prediction_of_the_convex_rule_is_not_changed() -> None:
    trial = stopped(3.0)
    predicted = Measurement({METRIC: 3.25}, 10)
    trial = replace(trial, measurements=(*trial.measurements, predicted), final_measurement=predicted)

    assert expected_end(trial, COMPLETE, LOSS) == 3.25


def test_the_value_of_a_trial_that_was_not_stopped_is_its_objective() -> None:
    ends = ExpectedEnds(LOSS)
    failed = replace(COMPLETE[0], state=TrialState.INFEASIBLE, final_measurement=None)

    assert [ends.value(trial, COMPLETE) for trial in COMPLETE] == [trial.objective(METRIC) for trial in COMPLETE]
    assert ends.value(failed, COMPLETE) is None


def test_the_optimiser_uses_the_expected_end_of_a_stopped_trial_as_its_value() -> None:
    rates = [0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 0.9, 0.05]
    trials = [replace(t, parameters={"lr": rate}) for t, rate in zip([*COMPLETE, stopped(1.6)], rates, strict=True)]
    expected = Measurement({METRIC: expected_end(trials[-1], trials, LOSS) or 0.0}, 4)
    as_if = [*trials[:-1], replace(trials[-1], stopping_reason="", final_measurement=expected)]
    as_last = [*trials[:-1], replace(trials[-1], stopping_reason="")]

    assert suggested(trials) == suggested(as_if)
    assert suggested(trials) != suggested(as_last)


def suggested(history: Sequence[Trial]) -> object:
    spec = study_spec(None)
    return optimizer_for(StudySpec(spec.metrics, spec.parameters), "study", 16).suggest(51, history)
