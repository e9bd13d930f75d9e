"""The reason of an early stop is requested once per trial, and only for a study that stops trials."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hydra_vertex.job import AutomatedStopping, HyperparameterTuningJob, MedianStopping, StudyStopping, TrialState
from hydra_vertex.launcher.study.stop_reasons import StopReasons
from launcher.jobs import make_job, make_trial

STATES = [TrialState.SUCCEEDED, TrialState.SUCCEEDED, TrialState.INFEASIBLE, TrialState.ACTIVE, TrialState.STOPPING]


class CustomJobs:
    """A service in which one custom job was stopped early. It records the requested names; None means no answer."""

    def __init__(self) -> None:
        self.requested: list[str] = []
        self.answers = True

    def reason(self, name: str) -> str | None:
        self.requested.append(name)
        if not self.answers:
            return None
        return "no improvement expected" if name == "customJobs/2" else ""


def study(rule: AutomatedStopping | None, limits: StudyStopping | None = None) -> HyperparameterTuningJob:
    trials = tuple(
        replace(make_trial(number, 1.0, state), other={"customJob": f"customJobs/{number}"})
        for number, state in enumerate(STATES, start=1)
    )
    job = make_job(trials=trials)
    return replace(job, study_spec=replace(job.study_spec, automated_stopping=rule, study_stopping=limits))


@pytest.mark.parametrize(
    ("rule", "limits"), [(MedianStopping(), None), (None, StudyStopping(max_num_trials=3, should_stop_asap=True))]
)
def test_the_reason_of_each_succeeded_trial_is_requested_once(
    rule: AutomatedStopping | None, limits: StudyStopping | None
) -> None:
    jobs = CustomJobs()
    reasons, job = StopReasons(jobs.reason), study(rule, limits)

    for _ in range(3):
        updated = reasons.added_to(job)

    assert jobs.requested == ["customJobs/1", "customJobs/2"]
    assert [trial.stopping_reason for trial in updated.trials] == ["", "no improvement expected", "", "", ""]


@pytest.mark.parametrize("limits", [None, StudyStopping(max_num_trials=3)])
def test_no_reason_is_requested_when_the_study_stops_no_trials(limits: StudyStopping | None) -> None:
    jobs = CustomJobs()
    job = study(None, limits)

    assert StopReasons(jobs.reason).added_to(job) == job
    assert jobs.requested == []


def test_a_known_reason_and_a_trial_without_a_custom_job_do_not_change() -> None:
    jobs = CustomJobs()
    known, nameless, *_ = study(MedianStopping()).trials
    job = replace(
        study(MedianStopping()), trials=(replace(known, stopping_reason="known"), replace(nameless, other={}))
    )

    assert StopReasons(jobs.reason).added_to(job) == job
    assert jobs.requested == []


def test_a_request_without_an_answer_is_repeated_once_per_update() -> None:
    jobs = CustomJobs()
    reasons, job = StopReasons(jobs.reason), study(MedianStopping())

    jobs.answers = False
    assert reasons.added_to(job) == job
    jobs.answers = True
    assert reasons.added_to(job).trials[1].stopping_reason == "no improvement expected"
    assert jobs.requested == ["customJobs/1", "customJobs/1", "customJobs/2"]
