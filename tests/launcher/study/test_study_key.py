"""The key of a study, and which of the jobs with the same key a run uses."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import Any

import pytest

from hydra_vertex.job import (
    Algorithm,
    ContainerSpec,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    JobState,
    MedianStopping,
    MetricSpec,
    TrialJobSpec,
    WorkerPoolSpec,
)
from hydra_vertex.launcher.study.study_key import job_to_use, study_key
from launcher.jobs import SPEC, START, make_job

CONTAINER = ContainerSpec(
    image_uri="gcr.io/p/i@sha256:1",
    command=("hydra-trial", "--metric", "val/loss", "--", "python", "train.py", "experiment=docs"),
    env={"A": "1", "B": "2"},
)
WIDER = dataclasses.replace(SPEC.parameters[0], domain=DoubleRange(1e-5, 1.0))
POOL = WorkerPoolSpec(container=CONTAINER, machine={"machineType": "g2-standard-8"})


def job_with(pool: WorkerPoolSpec = POOL, **changes: Any) -> HyperparameterTuningJob:
    spec = dataclasses.replace(SPEC, **{name: changes.pop(name) for name in list(changes) if hasattr(SPEC, name)})
    job = make_job(study_spec=spec, trial_job_spec=TrialJobSpec((pool,), **changes.pop("trial_job", {})))
    return dataclasses.replace(job, **changes)


def container(**changes: Any) -> WorkerPoolSpec:
    return dataclasses.replace(POOL, container=dataclasses.replace(CONTAINER, **changes))


KEY = study_key(job_with())


def test_the_key_is_the_value_of_a_label() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", KEY)


@pytest.mark.parametrize(
    "equal",
    [
        job_with(display_name="another", name="projects/p/locations/l/hyperparameterTuningJobs/1"),
        job_with(max_trial_count=99, parallel_trial_count=9, max_failed_trial_count=3),
        job_with(labels={"team": "a", "hydra_vertex_run": "x"}),
        job_with(algorithm=Algorithm.RANDOM_SEARCH),
        job_with(automated_stopping=MedianStopping()),
        job_with(trial_job={"timeout_s": 60.0, "base_output_uri": "gs://b/other"}),
        job_with(dataclasses.replace(POOL, machine={"machineType": "n1-standard-4"}, replica_count=2)),
        job_with(container(env={"B": "2", "A": "1"})),
    ],
    ids=range(8),
)
def test_what_changes_only_the_speed_or_the_cost_is_no_part_of_the_key(equal: HyperparameterTuningJob) -> None:
    assert study_key(equal) == KEY


@pytest.mark.parametrize(
    "other",
    [
        job_with(container(image_uri="gcr.io/p/i@sha256:2")),
        job_with(container(command=(*CONTAINER.command[:-1], "experiment=other"))),
        job_with(container(args=("trainer.max_steps=9",))),
        job_with(container(env={"A": "1", "B": "3"})),
        job_with(dataclasses.replace(POOL, container=None, other={"pythonPackageSpec": {"pythonModule": "m"}})),
        job_with(metrics=(MetricSpec("val/loss", Goal.MAXIMIZE),)),
        job_with(metrics=(MetricSpec("val/accuracy", Goal.MINIMIZE),)),
        job_with(parameters=SPEC.parameters[:-1]),
        job_with(parameters=(WIDER, *SPEC.parameters[1:])),
    ],
    ids=range(9),
)
def test_what_changes_the_result_changes_the_key(other: HyperparameterTuningJob) -> None:
    assert study_key(other) != KEY


def created(number: int, state: JobState, trials: int = 12) -> HyperparameterTuningJob:
    return make_job(name=str(number), state=state, max_trial_count=trials, create_time=START + timedelta(hours=number))


@pytest.mark.parametrize("state", JobState)
def test_only_a_job_in_progress_is_attached_to_and_only_a_succeeded_one_is_reused_too(state: JobState) -> None:
    in_progress = {JobState.QUEUED, JobState.PENDING, JobState.RUNNING, JobState.UPDATING}
    job = created(1, state)

    assert job_to_use([job], "", 1) is None
    assert (job_to_use([job], "attach", 1) is job) == (state in in_progress)
    assert (job_to_use([job], "reuse", 1) is job) == (state in {*in_progress, JobState.SUCCEEDED})


def test_the_newest_job_is_used_and_a_succeeded_one_before_one_in_progress() -> None:
    jobs = [
        created(1, JobState.SUCCEEDED),
        created(3, JobState.RUNNING),
        created(2, JobState.SUCCEEDED),
        created(4, JobState.FAILED),
    ]

    assert job_to_use(jobs, "attach", 12) is jobs[1]
    assert job_to_use(jobs, "reuse", 12) is jobs[2]


def test_a_job_of_fewer_trials_is_not_used() -> None:
    jobs = [created(1, JobState.SUCCEEDED, trials=12), created(2, JobState.SUCCEEDED, trials=11)]

    assert job_to_use(jobs, "reuse", 12) is jobs[0]
    assert job_to_use(jobs, "reuse", 13) is None
