from __future__ import annotations

import pytest

from hydra_vertex.job import ContainerSpec, HyperparameterTuningJob, TrialJobSpec, WorkerPoolSpec
from hydra_vertex.launcher.preflight.job_builder import build_job, check_counts, display_name_for, value_options_in
from hydra_vertex.protocol.command import app_command, trial_command
from hydra_vertex.protocol.errors import SearchSpaceError
from launcher.jobs import METRIC, SPEC

APP = ("python", "train.py", "experiment=docs")


def build(*pools: WorkerPoolSpec) -> ContainerSpec:
    container = job_with(*pools).trial_job_spec.worker_pools[0].container
    assert container is not None
    return container


def job_with(*pools: WorkerPoolSpec, failed: int = 0) -> HyperparameterTuningJob:
    return build_job(
        display_name="d",
        study_spec=SPEC,
        trial_job_spec=TrialJobSpec(worker_pools=pools),
        app=APP,
        max_trial_count=8,
        parallel_trial_count=2,
        max_failed_trial_count=failed,
    )


def test_a_pool_without_a_command_starts_the_app_through_hydra_trial() -> None:
    container = build(WorkerPoolSpec(container=ContainerSpec(image_uri="gcr.io/p/i")))

    assert container.command == ("hydra-trial", "--metric", METRIC, "--", *APP)
    assert container.image_uri == "gcr.io/p/i"
    assert app_command(container.command) == APP


def test_a_job_without_pools_gets_the_pool_of_a_local_run() -> None:
    assert app_command(build().command) == APP


def test_metrics_to_monitor_are_passed_to_hydra_trial() -> None:
    command = trial_command(APP, METRIC, ("val/loss", "val/acc"))

    assert command[: command.index("--")] == (
        *("hydra-trial", "--metric", METRIC),
        *("--monitor", "val/loss", "--monitor", "val/acc"),
    )
    assert app_command(command) == APP


def test_a_command_given_by_the_user_is_not_changed() -> None:
    container = build(WorkerPoolSpec(container=ContainerSpec(command=("my-entry",))))

    assert container.command == ("my-entry",)
    assert app_command(container.command) is None


def test_only_the_pools_that_run_the_app_start_it() -> None:
    train = WorkerPoolSpec(container=ContainerSpec("train"))
    server = WorkerPoolSpec(container=ContainerSpec("us-docker.pkg.dev/v/training/reductionserver:latest"))
    other = WorkerPoolSpec(container=ContainerSpec("evaluator", command=("evaluate",)))

    pools = job_with(train, train, server, other).trial_job_spec.worker_pools

    commands = [pool.container.command for pool in pools if pool.container is not None]
    assert [app_command(command) for command in commands] == [APP, APP, None, None]
    assert commands[2:] == [(), ("evaluate",)]


def test_failed_trials_end_a_study_only_when_a_number_is_given() -> None:
    assert job_with().max_failed_trial_count == 8
    assert job_with(failed=3).max_failed_trial_count == 3


@pytest.mark.parametrize(
    ("total", "parallel", "expected"),
    [(0, 1, "must be 1 or more"), (4, 0, "must be 1 or more"), (4, 5, "5 parallel trials of 4 in total")],
)
def test_inconsistent_counts_are_refused(total: int, parallel: int, expected: str) -> None:
    with pytest.raises(SearchSpaceError, match=expected):
        check_counts(total, parallel)


@pytest.mark.parametrize(
    ("app", "search", "name"),
    [
        (("python", "trainer/train.py", "experiment=docs"), "conf/hparams_search/docs.yaml", "train-docs"),
        (("python", "-m", "pkg.train"), "a b.yml", "pkg.train-a-b"),
        (("python", "x.py"), "s" * 300, ("x-" + "s" * 300)[:128]),
    ],
)
def test_a_study_is_named_after_its_app_and_search_file(app: tuple[str, ...], search: str, name: str) -> None:
    assert display_name_for(app, search) == name


def test_aliases_of_parameters_are_read_from_the_container_command() -> None:
    command = ("hydra-trial", "--alias", "lr=optimizer.lr", "--alias=n=depth", "--", *APP, "--alias", "the=apps")
    job = job_with(WorkerPoolSpec(container=ContainerSpec("image", command=command)))

    assert value_options_in(job) == ("--alias=lr=optimizer.lr", "--alias=n=depth")
    assert value_options_in(job_with(WorkerPoolSpec())) == ()
