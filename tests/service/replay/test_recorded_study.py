"""Reading a job as a record: what is taken, what is said about it, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from hydra_vertex.job import (
    Algorithm,
    ConvexStopping,
    Goal,
    HyperparameterTuningJob,
    Measurement,
    MetricSpec,
    Trial,
    TrialState,
)
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.replay import recorded_study
from hydra_vertex.service.replay.recorded_study import require_curves
from service.replay.studies import BEGIN, METRIC, ended_trial, falling, job_of, stopped_trial

FIVE = tuple(ended_trial(number, falling(number)) for number in range(1, 6))


def running(number: int) -> Trial:
    return replace(ended_trial(number, falling(1)), state=TrialState.ACTIVE, end_time=None, final_measurement=None)


def with_objectives(job: HyperparameterTuningJob, count: int) -> HyperparameterTuningJob:
    metrics = tuple(MetricSpec(f"m{index}", Goal.MINIMIZE) for index in range(count))
    return replace(job, study_spec=replace(job.study_spec, metrics=metrics))


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (with_objectives(job_of(FIVE), 2), r"several objectives \(m0, m1\)"),
        (with_objectives(job_of(FIVE), 0), r"studySpec\.metrics: is empty"),
        (job_of([]), "none of the 0 trials of the study has ended"),
        (job_of([running(1)]), "none of the 1 trials of the study has ended"),
        (job_of([ended_trial(1, [])]), "none of the 1 ended trials has a final value of loss"),
        (job_of([*FIVE, replace(FIVE[0], id="6", end_time=None)]), "trial 6 of the study: no start or no end time"),
        (job_of([replace(t, start_time=None) for t in FIVE]), "trials 1, 2, 3, 4, 5 of the study: no start"),
        (job_of([replace(FIVE[0], id=str(n), start_time=None) for n in range(1, 9)]), "1, 2, 3, 4, 5 and 3 more"),
        (job_of([replace(FIVE[0], end_time=BEGIN - timedelta(1))]), "trial 1 of the study: the end time is before"),
    ],
)
def test_what_cannot_be_replayed_is_refused_by_name(job: HyperparameterTuningJob, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        recorded_study(job)

    assert error.value.exit_code == 2


def test_a_rule_needs_a_trial_with_more_than_one_measurement() -> None:
    study = recorded_study(job_of([ended_trial(1, [1.0]), ended_trial(2, [2.0])]))

    assert not study.has_curves
    with pytest.raises(UserError, match="no trial of study has a curve"):
        require_curves(study)


def test_trials_are_in_the_order_of_their_numbers_also_beyond_nine() -> None:
    trials = [ended_trial(number, [1.0]) for number in (10, 2, 1, 9)]

    assert [trial.trial.id for trial in recorded_study(job_of(trials)).trials] == ["1", "2", "9", "10"]


def test_trials_that_have_not_ended_are_left_out_with_a_notice() -> None:
    study = recorded_study(job_of([*FIVE, running(6)]))

    assert len(study.trials) == 5
    assert study.notices == ("1 of 6 trials have not ended and are left out: the study is not finished",)


def test_a_trial_that_failed_before_its_start_took_no_time() -> None:
    failed = Trial("6", TrialState.INFEASIBLE, {}, infeasible_reason="the image does not exist", end_time=BEGIN)

    assert recorded_study(job_of([*FIVE, failed])).trials[-1].duration_s == 0.0


def test_measurements_without_a_time_are_at_equal_distances_and_a_notice_says_so() -> None:
    untimed = replace(FIVE[0], measurements=tuple(replace(m, elapsed_s=None) for m in FIVE[0].measurements[:4]))
    study = recorded_study(job_of([untimed, *FIVE[1:]]))

    assert [report.at_s for report in study.trials[0].reports] == [20.0, 40.0, 60.0, 80.0]
    assert study.notices[0].startswith("1 of 5 trials have measurements without a time")


def test_the_times_of_measurements_ascend_and_are_within_the_trial() -> None:
    times = (5.0, 3.0, 500.0)
    trial = replace(FIVE[0], measurements=tuple(Measurement({METRIC: 1.0}, 1, at_s) for at_s in times))

    assert [report.at_s for report in recorded_study(job_of([trial])).trials[0].reports] == [5.0, 5.0, 80.0]


def test_the_prediction_with_which_the_convex_rule_ends_a_trial_was_not_measured() -> None:
    predicted = Measurement({METRIC: 5.0}, 8)
    trial = replace(stopped_trial(6, falling(9)[:3]), final_measurement=predicted)
    trial = replace(trial, measurements=(*trial.measurements, predicted))

    study = recorded_study(job_of([*FIVE, trial], rule=ConvexStopping()))

    assert [report.measurement.step_count for report in study.trials[-1].reports] == [1, 2, 3]
    assert study.notices == ("1 of 6 trials have the value that the convex rule predicted when it stopped them",)


def test_a_trial_that_optuna_has_pruned_cannot_be_the_best_but_rules_see_its_curve() -> None:
    pruned = replace(
        stopped_trial(6, [0.1, 0.05]),
        state=TrialState.INFEASIBLE,
        final_measurement=None,
        stopping_reason="pruned by Optuna",
    )
    study = recorded_study(job_of([*FIVE, pruned]))

    assert study.best is not None
    assert study.best.trial.id == "1"
    assert study.trials[-1].is_cut
    assert study.trials[-1].value is None
    assert study.trials[-1].final == pruned.measurements[-1]


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_trial_that_succeeded_without_a_finite_value_is_infeasible(is_stopped: bool) -> None:
    trial = (stopped_trial if is_stopped else ended_trial)(6, falling(9))
    trial = replace(trial, final_measurement=Measurement({METRIC: math.inf}, 8))
    study = recorded_study(job_of([*FIVE, trial]))

    assert (study.trials[-1].value, study.trials[-1].final) == (None, None)
    assert study.notices == (
        "1 of 6 trials have succeeded without a finite value of loss: they count as infeasible, as in the service",
    )


def test_measurements_without_the_objective_are_left_out_and_keep_the_times_of_the_others() -> None:
    metrics: tuple[dict[str, float], ...] = ({METRIC: 3.0}, {}, {METRIC: 2.0}, {})
    trial = replace(FIVE[0], measurements=tuple(Measurement(one, step) for step, one in enumerate(metrics)))
    study = recorded_study(job_of([trial]))

    assert [(report.at_s, report.measurement.step_count) for report in study.trials[0].reports] == [
        (20.0, 0),
        (60.0, 2),
    ]
    assert any("without a finite value of loss" in notice for notice in study.notices)


def test_only_the_last_attempt_of_a_trial_that_ran_again_is_replayed() -> None:
    again = replace(FIVE[4], earlier_measurements=3)
    study = recorded_study(job_of([*FIVE[:4], again]))

    assert len(study.trials[-1].reports) == 5
    assert study.trials[-1].whole.measurements == again.measurements
    assert study.notices == ("1 of 5 trials ran again after a loss: only the time of their last attempt is counted",)


def test_the_parallelism_is_at_least_the_number_of_trials_that_ran_at_the_same_time() -> None:
    """An Optuna storage does not have it."""
    assert recorded_study(job_of(FIVE, parallel=1)).parallel == 5
    assert recorded_study(job_of(FIVE, parallel=8)).parallel == 8


@pytest.mark.parametrize(
    ("algorithm", "startup"),
    [(Algorithm.BAYESIAN, 4), (Algorithm.RANDOM_SEARCH, 0), (Algorithm.GRID_SEARCH, 0)],
)
def test_only_a_search_with_a_model_has_startup_trials(algorithm: Algorithm, startup: int) -> None:
    job = job_of(FIVE)
    job = replace(job, study_spec=replace(job.study_spec, algorithm=algorithm))

    assert recorded_study(job).startup == startup
