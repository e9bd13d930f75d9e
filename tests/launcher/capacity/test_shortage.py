"""Which states of a job mean that its machines cannot be had."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions

from hydra_vertex.job import HyperparameterTuningJob, JobError, JobState, Measurement, Trial, TrialState
from hydra_vertex.launcher.capacity.rungs import Rung
from hydra_vertex.launcher.capacity.shortage import CapacityLackingError, RungWatch, is_refusal_for_capacity
from hydra_vertex.launcher.study.service_errors import service_errors
from hydra_vertex.protocol.errors import ServiceUnreachableError
from launcher.jobs import START, make_job, make_trial

WAIT_S = 60.0
CUSTOM: dict[str, Any] = {"other": {"customJob": "projects/p/locations/l/customJobs/1"}}


def job_of(state: JobState, *trials: Trial, **changes: Any) -> HyperparameterTuningJob:
    times = {"create_time": START, "update_time": START, "start_time": None}
    return make_job(trials, state=state, **{**times, **changes})


def is_left(
    job: HyperparameterTuningJob,
    after_s: float = 61.0,
    *,
    started: bool | None = False,
    rung: Rung = Rung("SPOT", "l", WAIT_S),  # noqa: B008 - frozen
) -> bool:
    return leaves(rung_watch(after_s, iter([started] * len(job.trials)), rung), job)


def rung_watch(
    after_s: float,
    started: Iterator[bool | None],
    rung: Rung = Rung("SPOT", "l", WAIT_S),  # noqa: B008 - frozen
) -> RungWatch:
    """Return a watch at a moment after the creation of the job; `started` has the service's answers in their order."""
    return RungWatch(rung, 1, lambda: START + timedelta(seconds=after_s), lambda _: next(started))


def leaves(watched: RungWatch, job: HyperparameterTuningJob) -> bool:
    try:
        watched.require_capacity(job)
    except CapacityLackingError:
        return True
    return False


def active(**changes: Any) -> Trial:
    return make_trial(1, None, TrialState.ACTIVE, **changes)


REQUESTED = dataclasses.replace(make_trial(1, None, TrialState.REQUESTED), start_time=None)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.PENDING, JobState.RUNNING])
@pytest.mark.parametrize("trials", [(), (REQUESTED,), (active(**CUSTOM),)])
def test_a_job_without_machines_is_left_when_its_time_is_over(state: JobState, trials: tuple[Trial, ...]) -> None:
    assert is_left(job_of(state, *trials))
    assert not is_left(job_of(state, *trials), 59.0)


@pytest.mark.parametrize(
    ("trial", "started"),
    [
        (active(**CUSTOM), True),
        (active(**CUSTOM), None),
        (active(), False),
        (active(measurements=(Measurement({"val/loss": 1.0}),), **CUSTOM), False),
        (make_trial(1, 0.5, **CUSTOM), False),
        (make_trial(1, None, TrialState.INFEASIBLE, "exited with code 1"), False),
    ],
)
def test_a_job_with_a_trial_that_runs_or_ran_is_kept(trial: Trial, started: bool | None) -> None:
    assert not is_left(job_of(JobState.RUNNING, trial), started=started)


def test_a_job_that_had_machines_is_kept_when_they_are_taken_away() -> None:
    waits_again = job_of(JobState.RUNNING, REQUESTED)
    watched = rung_watch(3600.0, iter([True]))

    assert not leaves(watched, job_of(JobState.RUNNING, active(**CUSTOM)))
    assert not leaves(watched, waits_again)
    assert leaves(rung_watch(3600.0, iter([])), waits_again), "it is left by a step that has not seen its machines"


def test_where_the_service_does_not_say_it_the_next_poll_decides() -> None:
    job = job_of(JobState.RUNNING, active(**CUSTOM))
    watched = rung_watch(3600.0, iter([None, False]))

    assert [leaves(watched, job), leaves(watched, job)] == [False, True]


@pytest.mark.parametrize(
    "error",
    [
        JobError(8, "The following quota metrics exceed quota limits: aiplatform.googleapis.com/custom_model_training"),
        JobError(13, "Resources are insufficient in region: us-central1. Please try a different region"),
        JobError(9, "STOCKOUT"),
        JobError(9, "The zone does not have enough resources available"),
        JobError(9, "ZONE_RESOURCE_POOL_EXHAUSTED"),
    ],
)
def test_a_job_that_failed_for_want_of_machines_or_quota_is_left_at_once(error: JobError) -> None:
    assert is_left(job_of(JobState.FAILED, error=error), 1.0)


@pytest.mark.parametrize(
    "job",
    [
        job_of(JobState.FAILED, error=JobError(3, "the image cannot be pulled")),
        job_of(JobState.FAILED, make_trial(1, 0.5), error=JobError(8, "quota metrics exceed quota limits")),
        job_of(JobState.SUCCEEDED),
        job_of(JobState.EXPIRED, end_time=START + timedelta(hours=1)),
    ],
)
def test_any_other_end_is_the_end_of_the_study(job: HyperparameterTuningJob) -> None:
    assert not is_left(job)


@pytest.mark.parametrize(("after_s", "expected"), [(61.0, True), (30.0, False)])
@pytest.mark.parametrize("state", [JobState.CANCELLING, JobState.CANCELLED])
def test_a_cancelled_job_was_left_by_an_earlier_start_only_after_its_time(
    state: JobState, after_s: float, expected: bool
) -> None:
    at = START + timedelta(seconds=after_s)
    job = job_of(state, update_time=at, end_time=at if state.is_terminal else None)

    assert is_left(job, 1000.0) is expected


def test_a_flex_start_job_that_ended_its_own_wait_is_left() -> None:
    job = job_of(JobState.FAILED, end_time=START + timedelta(seconds=61), error=JobError(4, "wait is over"))

    assert is_left(job, rung=Rung("FLEX_START", "l", WAIT_S))
    assert not is_left(job, rung=Rung("SPOT", "l", WAIT_S))


def test_the_last_rung_waits_without_a_limit() -> None:
    assert not is_left(job_of(JobState.PENDING), 1e6, rung=Rung("STANDARD", "l"))


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (exceptions.TooManyRequests("quota"), True),
        (exceptions.ResourceExhausted("quota"), True),
        (exceptions.ServiceUnavailable("no"), False),
        (OSError(), False),
    ],
)
def test_a_refusal_for_a_quota_is_recognised_by_its_cause(cause: Exception, expected: bool) -> None:
    with pytest.raises(ServiceUnreachableError) as raised, service_errors("creating"):
        raise cause

    assert is_refusal_for_capacity(raised.value) is expected
