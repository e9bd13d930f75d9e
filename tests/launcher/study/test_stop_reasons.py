"""Which trials were stopped early is asked for once a trial, and only where trials are stopped at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hydra_vertex.job import AutomatedStopping, HyperparameterTuningJob, MedianStopping, StudyStopping, TrialState
from hydra_vertex.launcher.study.stop_reasons import StopReasons
from launcher.jobs import make_job, make_trial

STATES = [TrialState.SUCCEEDED, TrialState.SUCCEEDED, TrialState.INFEASIBLE, TrialState.ACTIVE, TrialState.STOPPING]


class CustomJobs:
    """Knows why one of them was stopped, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = True

    def why(self, name: str) -> str | None:
        self.asked.append(name)
        if not self.answers:
            return None
        return "it was hopeless" if name == "customJobs/2" else ""


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
def test_each_trial_that_ended_well_is_asked_about_once(
    rule: AutomatedStopping | None, limits: StudyStopping | None
) -> None:
    jobs = CustomJobs()
    stopped, job = StopReasons(jobs.why), study(rule, limits)

    for _ in range(3):
        explained = stopped.added_to(job)

    assert jobs.asked == ["customJobs/1", "customJobs/2"]
    assert [trial.stopping_reason for trial in explained.trials] == ["", "it was hopeless", "", "", ""]


@pytest.mark.parametrize("limits", [None, StudyStopping(max_num_trials=3)])
def test_nobody_is_asked_where_no_trial_is_stopped(limits: StudyStopping | None) -> None:
    jobs = CustomJobs()
    job = study(None, limits)

    assert StopReasons(jobs.why).added_to(job) == job
    assert jobs.asked == []


def test_a_reason_that_is_known_and_a_trial_without_a_custom_job_are_left_alone() -> None:
    jobs = CustomJobs()
    known, nameless, *_ = study(MedianStopping()).trials
    job = replace(
        study(MedianStopping()), trials=(replace(known, stopping_reason="known"), replace(nameless, other={}))
    )

    assert StopReasons(jobs.why).added_to(job) == job
    assert jobs.asked == []


def test_who_does_not_answer_is_asked_again_at_the_next_look_and_once_a_look() -> None:
    jobs = CustomJobs()
    stopped, job = StopReasons(jobs.why), study(MedianStopping())

    jobs.answers = False
    assert stopped.added_to(job) == job
    jobs.answers = True
    assert stopped.added_to(job).trials[1].stopping_reason == "it was hopeless"
    assert jobs.asked == ["customJobs/1", "customJobs/1", "customJobs/2"]
