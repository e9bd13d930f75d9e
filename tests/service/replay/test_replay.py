"""The replay of one setting: what is exact, checked against a plain loop over the trials and on generated studies."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydra_vertex.job import (
    AutomatedStopping,
    ConvexStopping,
    DecayCurveStopping,
    Goal,
    MedianStopping,
    StudySpec,
    Trial,
    TrialState,
)
from hydra_vertex.service.replay import RecordedStudy, Setting, recorded_study
from hydra_vertex.service.replay.clock import makespan_s
from hydra_vertex.service.replay.replay import Replay, replay
from hydra_vertex.service.stopping import decide
from service.replay.studies import (
    BEGIN,
    METRIC,
    ended_trial,
    falling,
    job_of,
    one_after_another,
    stopped_trial,
    studies,
)

RULES = [MedianStopping(), DecayCurveStopping(), ConvexStopping(min_measurement_count=2)]
ANY_RULE = st.sampled_from(RULES)
PARALLEL = st.integers(1, 9)
RELAXED = settings(deadline=None, max_examples=40)


def replayed(study: RecordedStudy, rule: AutomatedStopping | None, parallel: int = 1, trials: int = 99) -> Replay:
    return replay(study, Setting("rule", rule, parallel, trials))


def in_a_plain_loop(study: RecordedStudy, rule: AutomatedStopping) -> dict[str, int]:
    """Return at which measurement each stopped trial is stopped if the trials run one after another."""
    spec: StudySpec = replace(study.spec, automated_stopping=rule)
    ended: list[Trial] = []
    stops: dict[str, int] = {}
    for recorded in study.trials:
        whole, trial = recorded.whole, recorded.whole
        for made in range(1, len(whole.measurements)):
            running = replace(
                whole, state=TrialState.ACTIVE, measurements=whole.measurements[:made], final_measurement=None
            )
            stop = decide(spec, running, [*ended, running])
            if stop is not None:
                measured = running.measurements if stop.predicted is None else (*running.measurements, stop.predicted)
                trial = replace(whole, measurements=measured, final_measurement=measured[-1], stopping_reason="bad")
                stops[whole.id] = made
                break
        ended.append(trial)
    return stops


@RELAXED
@given(studies(max_trials=9), ANY_RULE)
def test_one_at_a_time_a_trial_is_stopped_where_a_plain_loop_with_the_rule_stops_it(
    study: RecordedStudy, rule: AutomatedStopping
) -> None:
    found = replayed(study, rule)

    assert {trial.id: trial.step for trial in found.trials if trial.is_stopped} == in_a_plain_loop(study, rule)


@pytest.mark.parametrize(
    ("durations_s", "workers", "makespan"),
    [([1.0, 2.0], 2**31 - 1, 2.0), ([1.0, 2.0], 1, 3.0), ([3.0, 1.0, 1.0], 2, 3.0), ([], 2**31 - 1, 0.0)],
)
def test_the_makespan_needs_no_more_memory_than_its_trials(
    durations_s: list[float], workers: int, makespan: float
) -> None:
    assert makespan_s(durations_s, workers) == makespan


def test_a_trial_that_the_convex_rule_stops_has_the_value_that_it_predicts() -> None:
    curves = [*([falling(2 - number / 10) for number in range(6)]), falling(8)]
    study = recorded_study(job_of(one_after_another(curves, [10.0] * 7)))
    rule = ConvexStopping(min_measurement_count=2)
    (stopped,) = [trial for trial in replayed(study, rule).trials if trial.is_stopped]

    bad = study.trials[-1].whole
    seen = replace(bad, state=TrialState.ACTIVE, measurements=bad.measurements[: stopped.step], final_measurement=None)
    others = [trial.whole for trial in study.trials[:-1]]
    stop = decide(replace(study.spec, automated_stopping=rule), seen, [*others, seen])

    assert stop is not None
    assert stop.predicted is not None
    assert stopped.id == "7"
    assert stopped.value == stop.predicted.metrics[METRIC]
    assert stopped.value not in [measurement.metrics[METRIC] for measurement in seen.measurements]


@RELAXED
@given(studies(), PARALLEL)
def test_without_a_rule_a_replay_has_the_best_trial_and_the_worker_time_of_the_record(
    study: RecordedStudy, parallel: int
) -> None:
    found = replayed(study, None, parallel)

    assert found.best is not None
    assert study.best is not None
    assert (found.best.id, found.best.value) == (study.best.trial.id, study.best.value)
    assert found.worker_s == pytest.approx(math.fsum(trial.duration_s for trial in study.trials))
    assert found.wall_s == pytest.approx(makespan_s((trial.duration_s for trial in study.trials), parallel))
    assert found.stopped == 0


@RELAXED
@given(studies())
def test_the_recorded_parallelism_without_a_rule_takes_the_recorded_time(study: RecordedStudy) -> None:
    assert study.parallel == 1
    assert replayed(study, None, study.parallel).wall_s == pytest.approx(study.wall_s)


@RELAXED
@given(studies(), PARALLEL)
def test_without_a_rule_one_more_worker_never_takes_longer(study: RecordedStudy, parallel: int) -> None:
    """True of trials that start in a given order and wait for no other trial; with a rule it is not."""
    fewer, more = replayed(study, None, parallel), replayed(study, None, parallel + 1)

    assert more.wall_s <= fewer.wall_s + 1e-9


@RELAXED
@given(studies(), ANY_RULE, PARALLEL)
def test_a_rule_only_shortens_trials_and_those_that_it_leaves_have_their_recorded_value(
    study: RecordedStudy, rule: AutomatedStopping, parallel: int
) -> None:
    found = replayed(study, rule, parallel)

    for trial, recorded in zip(found.trials, study.trials, strict=True):
        assert trial.duration_s <= recorded.duration_s + 1e-9
        assert trial.is_stopped or (trial.duration_s, trial.value) == (
            pytest.approx(recorded.duration_s),
            recorded.value,
        )


@RELAXED
@given(studies(), ANY_RULE, st.integers(1, 12))
def test_one_at_a_time_fewer_trials_are_the_beginning_of_the_whole(
    study: RecordedStudy, rule: AutomatedStopping, trials: int
) -> None:
    assert replayed(study, rule, trials=trials).trials == replayed(study, rule).trials[:trials]


@RELAXED
@given(studies(), ANY_RULE, PARALLEL)
def test_no_more_trials_run_at_once_than_there_are_workers_and_none_waits_for_a_free_one(
    study: RecordedStudy, rule: AutomatedStopping, parallel: int
) -> None:
    found = replayed(study, rule, parallel)

    free = [0.0] * parallel
    for trial in found.trials:
        assert trial.start_s == min(free)
        free[free.index(min(free))] = trial.end_s


def study_of(*ends: float) -> RecordedStudy:
    return recorded_study(job_of(one_after_another([falling(end) for end in ends], [10.0] * len(ends))))


def test_a_stopped_trial_costs_its_time_and_has_the_value_up_to_the_measurement_that_stops_it() -> None:
    study = study_of(1, 1, 1, 1, 1, 9)

    last = replayed(study, MedianStopping()).trials[-1]

    assert last.step is not None
    assert last.step < 8
    assert last.duration_s == pytest.approx(10.0 * last.step)
    assert last.value == falling(9)[last.step - 1]


def test_a_rule_sees_only_the_trials_that_have_ended() -> None:
    study = study_of(1, 1, 1, 1, 1, 9)

    assert replayed(study, MedianStopping(), 1).stopped == 1
    assert replayed(study, MedianStopping(), 6).stopped == 0


def test_of_a_metric_to_maximise_the_highest_value_is_the_best_and_the_lowest_trial_is_stopped() -> None:
    curves = [[-value for value in falling(end)] for end in (1, 1, 1, 1, 0.5, 9)]
    found = replayed(
        recorded_study(job_of(one_after_another(curves, [10.0] * 6), goal=Goal.MAXIMIZE)), MedianStopping()
    )

    assert found.best is not None
    assert found.best.id == "5"
    assert [trial.id for trial in found.trials if trial.is_stopped] == ["6"]


def test_the_best_trial_can_be_stopped_and_then_counts_with_what_it_had_measured() -> None:
    late = [9.0] * 7 + [0.1]
    trials = one_after_another([*[falling(1)] * 5, late], [10.0] * 6)
    found = replayed(recorded_study(job_of(trials)), MedianStopping())

    assert found.trials[-1].value == 9.0
    assert found.best is not None
    assert found.best.id == "1"


def test_a_trial_that_was_stopped_in_the_record_and_now_goes_on_has_an_unknown_end() -> None:
    trials = [ended_trial(number, falling(1)) for number in range(1, 6)]
    study = recorded_study(job_of([*trials, stopped_trial(6, falling(9)[:3])], rule=MedianStopping()))
    setting = Setting("none", None, 1, 6)

    shortest, longest = replay(study, setting), replay(study, setting, open_until_s=study.longest_s)

    assert [trial.id for trial in shortest.open] == [trial.id for trial in longest.open] == ["6"]
    assert (shortest.trials[-1].duration_s, longest.trials[-1].duration_s) == (30.0, 80.0)


def test_the_rule_of_the_record_stops_the_same_trial_again_where_its_record_ends() -> None:
    whole = study_of(1, 1, 1, 1, 1, 9)
    step = replayed(whole, MedianStopping()).trials[-1].step
    assert step is not None
    trials = [*(trial.whole for trial in whole.trials[:-1]), stopped_trial(6, falling(9)[:step])]

    again = replayed(recorded_study(job_of(trials, rule=MedianStopping())), MedianStopping())

    assert (again.trials[-1].step, again.open) == (step, ())


def test_a_trial_whose_last_measurement_comes_long_before_its_end_can_be_stopped_there() -> None:
    """As in the service: a test after the training takes time that the rule saves."""
    trials = one_after_another([*[[1.0, 1.0]] * 5, [1.0, 9.0]], [10.0] * 6)
    longer = replace(trials[-1], end_time=BEGIN + timedelta(hours=1))
    rising = replace(longer, measurements=tuple(replace(m, metrics={METRIC: 9.0}) for m in longer.measurements[1:]))

    assert replayed(recorded_study(job_of(trials)), MedianStopping()).stopped == 0
    assert replayed(recorded_study(job_of([*trials[:-1], rising])), MedianStopping()).trials[-1].step == 2
