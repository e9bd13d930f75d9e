"""How a job ended that did not succeed, and when its trials fail alike."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hydra_vertex.job import JobError, JobState, Trial, TrialState
from hydra_vertex.launcher.study.ending import fails_alike, places_of, problem_of
from launcher.jobs import make_job, make_trial

CRASH = "exit code 1: ValueError: bad\nTraceback"
OTHER = "exit code 137: out of memory"
NAME = "projects/p/locations/europe-west4/hyperparameterTuningJobs/77"


def failed(*reasons: str) -> list[Trial]:
    return [make_trial(n, None, TrialState.INFEASIBLE, reason) for n, reason in enumerate(reasons, 1)]


def test_a_job_that_succeeded_has_no_problem() -> None:
    assert problem_of(make_job([make_trial(1, 0.5)])) == ""


@pytest.mark.parametrize("state", [s for s in JobState if s.is_terminal and s is not JobState.SUCCEEDED])
def test_any_other_end_is_named_with_the_error_the_trials_and_the_first_failure(state: JobState) -> None:
    trials = [make_trial(1, 0.5), make_trial(2, None, TrialState.INFEASIBLE, CRASH)]
    job = make_job(trials, state=state, name=NAME, error=JobError(code=3, message="quota exceeded"))

    problem = problem_of(job)

    assert problem.startswith(f"{NAME} ended as {state.value}: quota exceeded. Trials: 1 SUCCEEDED, 1 INFEASIBLE")
    assert problem.endswith(f"Trial 2: {CRASH}")


def test_several_reasons_are_counted() -> None:
    job = make_job(failed(CRASH, CRASH.replace("1", "2"), OTHER), state=JobState.FAILED)

    assert "3 INFEASIBLE (2 with exit code #: ValueError: bad; 1 with exit code #: out of memory)" in problem_of(job)


def test_google_cloud_shows_the_job_in_the_console_and_in_its_log() -> None:
    console, log = places_of(make_job(name=NAME))

    assert console.endswith("/ai/platform/locations/europe-west4/training/77?project=p")
    assert 'resource.labels.job_id="77"' in log
    assert list(places_of(make_job(name="x"))) == []


@pytest.mark.parametrize(
    ("reasons", "parallel", "limit", "reason"),
    [
        ((CRASH,) * 7, 2, 0, ""),
        ((CRASH,) * 8, 2, 0, CRASH),
        ((CRASH,) * 9, 5, 0, ""),
        ((CRASH,) * 10, 5, 0, CRASH),
        ((*(CRASH,) * 4, OTHER, *(CRASH,) * 4), 2, 0, ""),
        ((CRASH,) * 8, 2, 9, ""),
        ((CRASH,) * 12, 2, 0, ""),
    ],
)
def test_trials_fail_alike_when_twice_as_many_as_run_at_once_have_the_same_reason(
    reasons: Sequence[str], parallel: int, limit: int, reason: str
) -> None:
    job = make_job(
        failed(*reasons),
        state=JobState.RUNNING,
        parallel_trial_count=parallel,
        max_failed_trial_count=limit or 12,
    )
    assert fails_alike(job) == reason


def test_a_study_with_a_trial_that_succeeded_goes_on() -> None:
    trials = [*failed(*(CRASH,) * 8), make_trial(9, 0.5)]
    assert fails_alike(make_job(trials, state=JobState.RUNNING)) == ""
