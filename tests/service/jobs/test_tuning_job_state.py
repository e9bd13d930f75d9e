"""The state machine of a tuning job and its trials, without a service."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import HyperparameterTuningJob, JobState, Measurement, TrialState, parse_job
from hydra_vertex.service.jobs import tuning_job_state as study
from service.harness import X

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
LATER = NOON + timedelta(hours=1)


def job(trials: int = 4, parallel: int = 2, **fields: object) -> HyperparameterTuningJob:
    document = {
        "displayName": "a study",
        "maxTrialCount": trials,
        "parallelTrialCount": parallel,
        "studySpec": {"metrics": [{"metricId": "loss", "goal": "MINIMIZE"}], "parameters": [X]},
        "trialJobSpec": {},
        **fields,
    }
    return study.begin(study.accept(parse_job(document), "jobs/1", NOON), NOON)


def with_trials(job: HyperparameterTuningJob, outcomes: str) -> HyperparameterTuningJob:
    """Return a job with one trial per letter of `outcomes`: s(ucceeded), i(nfeasible), a(ctive)."""
    for outcome in outcomes:
        trial = study.activate(study.request(job, {"x": 1.0}), NOON)
        if outcome == "s":
            trial = study.succeed(trial, Measurement({"loss": 1.0}), LATER)
        elif outcome == "i":
            trial = study.fail(trial, f"failed as number {trial.id}", LATER)
        job = study.put_trial(job, trial, LATER)
    return job


def test_a_job_that_has_begun_is_running_and_keeps_its_start_time() -> None:
    begun = job()
    assert (begun.state, begun.start_time) == (JobState.RUNNING, NOON)
    assert study.begin(begun, LATER) == begun


@pytest.mark.parametrize(
    ("outcomes", "room"),
    [("", 2), ("a", 1), ("aa", 0), ("as", 1), ("si", 2), ("ssi", 1), ("ssia", 0), ("ssss", 0), ("iii", 1)],
)
def test_each_ended_trial_allows_one_more_to_start(outcomes: str, room: int) -> None:
    assert study.room(with_trials(job(), outcomes)) == room


@pytest.mark.parametrize(
    ("limit", "outcomes", "fails"),
    [
        (0, "iii", False),
        (0, "iiii", True),
        (0, "siii", False),
        (2, "si", False),
        (2, "sii", True),
        (9, "iiii", True),
        (9, "siii", False),
    ],
)
def test_a_job_fails_at_its_limit_of_failed_trials_or_when_all_failed(limit: int, outcomes: str, fails: bool) -> None:
    reached = with_trials(job(maxFailedTrialCount=limit), outcomes)
    assert (study.failure(reached) is not None) is fails
    if fails:
        assert study.room(reached) == 0
        ended = study.finish(reached, LATER)
        assert ended.state is JobState.FAILED
        assert ended.error is not None
        assert "failed as number" in ended.error.message


def test_the_error_of_a_failed_job_does_not_count_trials_that_were_ended_with_it() -> None:
    reached = with_trials(job(maxFailedTrialCount=1), "ii")
    assert study.failure(reached) == "1 of 2 trials failed; trial 1 failed as number 1"


def test_a_job_ends_when_all_its_trials_have() -> None:
    assert not study.is_over(with_trials(job(), "sss"))
    assert not study.is_over(with_trials(job(), "sssa"))
    over = with_trials(job(), "sssi")
    assert study.is_over(over)
    ended = study.finish(over, LATER)
    assert (ended.state, ended.end_time, ended.error) == (JobState.SUCCEEDED, LATER, None)


def test_a_job_that_is_being_cancelled_starts_no_trial_and_ends_as_cancelled() -> None:
    cancelling = study.request_cancel(with_trials(job(), "i"), LATER)
    assert study.room(cancelling) == 0
    assert study.is_over(cancelling)
    assert study.finish(cancelling, LATER).state is JobState.CANCELLED


def test_a_postponed_trial_keeps_its_id_parameters_and_measurements() -> None:
    (trial,) = with_trials(job(), "a").trials
    again = study.postpone(replace(trial, measurements=(Measurement({"loss": 1.0}),)))
    assert (again.id, again.parameters, again.state) == (trial.id, trial.parameters, TrialState.REQUESTED)
    assert (again.start_time, len(again.measurements), again.earlier_measurements) == (None, 1, 1)


def test_a_grid_has_no_more_trials_than_points() -> None:
    grid = {"parameterId": "n", "integerValueSpec": {"minValue": 1, "maxValue": 3}}
    spec = {"metrics": [{"metricId": "loss"}], "parameters": [grid], "algorithm": "GRID_SEARCH"}
    assert study.trial_budget(job(trials=9, studySpec=spec)) == 3
    assert study.trial_budget(job(trials=2, studySpec=spec)) == 2


@given(st.data(), st.integers(1, 12), st.integers(1, 12), st.integers(0, 12))
def test_the_limits_of_a_job_hold_for_any_order_of_trial_ends(
    data: st.DataObject, trials: int, parallel: int, limit: int
) -> None:
    now = job(trials, min(parallel, trials), maxFailedTrialCount=limit)
    while not study.is_over(now):
        for _ in range(study.room(now)):
            now = study.put_trial(now, study.activate(study.request(now, {"x": 1.0}), NOON), NOON)
        live = study.live_trials(now)
        assert 0 < len(live) <= now.parallel_trial_count
        assert len(now.trials) <= trials
        ended = data.draw(st.sampled_from(live))
        outcomes = [study.fail(ended, "bad", LATER), study.succeed(ended, Measurement({"loss": 1.0}), LATER)]
        now = study.put_trial(now, data.draw(st.sampled_from(outcomes)), LATER)
    succeeded = any(trial.state is TrialState.SUCCEEDED for trial in now.trials)
    end = study.finish(now, LATER).state
    assert end in {JobState.SUCCEEDED, JobState.FAILED}
    assert succeeded or end is JobState.FAILED
