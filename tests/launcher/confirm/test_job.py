"""The job of the repeats: a grid that every service accepts, and trials with the study's own parameters."""

from __future__ import annotations

import dataclasses

import pytest

from hydra_vertex.job import (
    Algorithm,
    ContainerSpec,
    IntegerRange,
    JobState,
    MedianStopping,
    TrialJobSpec,
    WorkerPoolSpec,
    dump_job,
    parse_job,
)
from hydra_vertex.job.earlier_studies import EARLIER_STUDIES_LABEL
from hydra_vertex.launcher.best.best_trial import trial_arguments
from hydra_vertex.launcher.confirm.job import best_configurations, confirmation_job
from hydra_vertex.launcher.confirm.settings import ConfirmSettings
from hydra_vertex.protocol.errors import StudyError, UserError
from hydra_vertex.service.validation.jobs import validate
from hydra_vertex.trial.option_parser import parse_options
from launcher.confirm.repeats import make_study
from launcher.jobs import make_job, make_trial

SETTINGS = ConfirmSettings(2, 3, "seed")


def test_the_job_is_a_grid_of_configurations_and_seeds_that_a_service_accepts() -> None:
    study = make_study([0.3, 0.1, 0.2], labels={"team": "a", EARLIER_STUDIES_LABEL: "d"})
    spec = dataclasses.replace(study.study_spec, automated_stopping=MedianStopping())

    job = confirmation_job(dataclasses.replace(study, study_spec=spec), SETTINGS)

    validate(job)
    assert parse_job(dump_job(job)) == job
    seed, configuration = job.study_spec.parameters
    assert dump_job(job)["studySpec"]["parameters"][1]["categoricalValueSpec"] == {"values": ["2", "3"]}  # type: ignore[index,call-overload]
    assert (configuration.id, seed.id, seed.domain) == ("study_trial", "seed", IntegerRange(1000, 1002))
    assert job.study_spec.algorithm is Algorithm.GRID_SEARCH
    assert job.study_spec.automated_stopping is None
    assert job.study_spec.metrics == study.study_spec.metrics
    assert (job.max_trial_count, job.parallel_trial_count, job.max_failed_trial_count) == (6, 2, 6)
    assert (job.name, job.state, job.trials, job.start_time) == ("", JobState.UNSPECIFIED, (), None)
    assert job.labels == {"team": "a", "hydra_vertex_confirms": "77"}


def test_a_repeat_gets_the_arguments_of_the_study_s_trial() -> None:
    study = make_study([0.3, 0.1])
    job = confirmation_job(study, SETTINGS)
    (pool,) = job.trial_job_spec.worker_pools
    assert pool.container is not None

    repeat = parse_options([*pool.container.command[1:], *pool.container.args, "--study_trial=2", "--seed=1001"])

    expected = trial_arguments(study.study_spec, study.trials[1])
    assert repeat.app == ("python", "train.py", *expected, "--seed=1001")
    assert "--model.depth=4" in expected


def test_the_repeats_write_below_the_study_s_folder() -> None:
    study = make_study([0.3])
    spec = dataclasses.replace(study.trial_job_spec, base_output_uri="gs://b/x/")

    job = confirmation_job(dataclasses.replace(study, trial_job_spec=spec), SETTINGS)

    assert job.trial_job_spec.base_output_uri == "gs://b/x/confirmation"


def test_the_repeats_leave_the_numbered_folders_of_a_sweep_to_the_study() -> None:
    study = make_study([0.3, 0.1])
    (pool,) = study.trial_job_spec.worker_pools
    assert pool.container is not None
    container = dataclasses.replace(pool.container, env={"HYDRA_TRIAL_SWEEP_DIR": "/sweep", "A": "1"})
    spec = dataclasses.replace(study.trial_job_spec, worker_pools=(dataclasses.replace(pool, container=container),))

    (repeated,) = confirmation_job(
        dataclasses.replace(study, trial_job_spec=spec), SETTINGS
    ).trial_job_spec.worker_pools

    assert repeated.container is not None
    assert repeated.container.env == {"A": "1"}


def test_a_long_name_stays_within_the_limit() -> None:
    name = confirmation_job(make_study([0.3], display_name="x" * 128), SETTINGS).display_name

    assert len(name) == 128
    assert name.endswith("x-confirmation")


def test_equal_configurations_count_once() -> None:
    values = ((1, 0.3, 0.5), (2, 0.1, 0.5), (3, 0.2, 0.6))
    study = make_job([make_trial(n, v, parameters={"lr": lr}) for n, v, lr in values])

    assert [trial.id for trial in best_configurations(study, 3)] == ["2", "3"]


def test_a_study_that_measured_nothing_has_nothing_to_repeat() -> None:
    with pytest.raises(StudyError, match="no trial to select"):
        confirmation_job(make_study([None, None]), SETTINGS)


@pytest.mark.parametrize(
    ("container", "is_repeated"),
    [
        (ContainerSpec("i", command=("hydra-trial", "--", "python", "t.py")), True),
        (ContainerSpec("i", args=("hydra-trial", "--", "python", "t.py")), True),
        (ContainerSpec("i", command=("python", "-m", "hydra_vertex.trial"), args=("--", "python", "t.py")), True),
        (ContainerSpec("i", command=("python", "t.py")), False),
        (ContainerSpec("i", command=("python",), args=("t.py", "--", "x")), False),
    ],
)
def test_only_a_container_with_hydra_trial_can_repeat(container: ContainerSpec, is_repeated: bool) -> None:
    spec = TrialJobSpec(worker_pools=(WorkerPoolSpec(container=container, machine={"machineType": "m"}),))
    study = dataclasses.replace(make_study([0.3]), trial_job_spec=spec)

    if not is_repeated:
        with pytest.raises(UserError, match="has no `hydra-trial … --`"):
            confirmation_job(study, SETTINGS)
        return
    (pool,) = confirmation_job(study, SETTINGS).trial_job_spec.worker_pools
    assert pool.container is not None
    words = [*pool.container.command, *pool.container.args]
    assert any(word.startswith("--preset=study_trial=1=") for word in words[: words.index("--")])
