"""New trial counts for a job that a run goes on with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from hydra_vertex.job import HyperparameterTuningJob, JobError, JobState, Measurement, TrialState, parse_job
from hydra_vertex.service.jobs import tuning_job_state as study
from hydra_vertex.service.jobs.job_counts import JobCounts, counts_of, with_counts
from service.harness import X

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
LATER = NOON + timedelta(hours=1)


def job(outcomes: str, state: JobState = JobState.RUNNING) -> HyperparameterTuningJob:
    """Return a job of 4 trials, 2 at once, with one trial per letter: s(ucceeded), a(ctive)."""
    document: dict[str, Any] = {
        "displayName": "a study",
        "maxTrialCount": 4,
        "parallelTrialCount": 2,
        "maxFailedTrialCount": 4,
        "studySpec": {"metrics": [{"metricId": "loss", "goal": "MINIMIZE"}], "parameters": [X]},
        "trialJobSpec": {},
    }
    result = study.begin(study.accept(parse_job(document), "jobs/1", NOON), NOON)
    for outcome in outcomes:
        trial = study.activate(study.request(result, {"x": 1.0}), NOON)
        if outcome == "s":
            trial = study.succeed(trial, Measurement({"loss": 1.0}), LATER)
        result = study.put_trial(result, trial, LATER)
    error = JobError(1, "CANCELED") if state is JobState.CANCELLED else None
    return replace(result, state=state, error=error, end_time=LATER if state.is_terminal else None)


def counts(trials: int) -> JobCounts:
    return JobCounts(trials, min(trials, 2), trials)


def test_equal_counts_change_nothing() -> None:
    ended = job("ssss", JobState.SUCCEEDED)

    assert with_counts(ended, counts_of(ended), LATER) is ended


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.CANCELLED, JobState.FAILED])
def test_more_trials_reopen_an_ended_job_with_its_trials(state: JobState) -> None:
    ended = job("ssss", state)

    changed = with_counts(ended, counts(6), LATER)

    assert (changed.state, changed.end_time, changed.error) == (JobState.RUNNING, None, None)
    assert changed.trials == ended.trials
    assert study.room(changed) == 2


def test_fewer_trials_than_are_done_end_a_running_job() -> None:
    running = job("sssa")

    changed = with_counts(running, counts(2), LATER)

    assert [trial.state for trial in changed.trials] == [TrialState.SUCCEEDED] * 3 + [TrialState.INFEASIBLE]
    assert changed.trials[3].stopped_early
    assert study.is_over(changed)
    assert study.finish(changed, LATER).state is JobState.SUCCEEDED


def test_the_first_unfinished_trials_go_on_while_there_is_room_for_them() -> None:
    changed = with_counts(job("saa"), counts(2), LATER)

    assert [trial.state for trial in changed.trials] == [
        TrialState.SUCCEEDED,
        TrialState.ACTIVE,
        TrialState.INFEASIBLE,
    ]
    assert study.room(changed) == 0


def test_a_complete_job_stays_complete_with_fewer_trials() -> None:
    ended = job("ssss", JobState.SUCCEEDED)

    assert with_counts(ended, counts(2), LATER).state is JobState.SUCCEEDED


def test_a_job_that_was_cancelled_ends_as_succeeded_with_fewer_trials() -> None:
    changed = with_counts(job("sss", JobState.CANCELLED), counts(3), LATER)

    assert study.finish(changed, LATER).state is JobState.SUCCEEDED


def test_the_repeats_of_a_study_keep_their_own_counts() -> None:
    repeats = replace(job("sss", JobState.CANCELLED), labels={"hydra_vertex_confirms": "1"})

    assert with_counts(repeats, counts(6), LATER) is repeats
