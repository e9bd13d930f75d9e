"""The step `select_best` in a pipeline in which another component ran the tuning job.

KFP reads annotations at run time, so this module does not postpone them.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import (
    ContainerSpec,
    DoubleRange,
    Goal,
    JobState,
    MetricSpec,
    ParameterSpec,
    StudySpec,
    TrialJobSpec,
    WorkerPoolSpec,
)
from hydra_vertex.launcher.preflight.job_builder import build_job
from hydra_vertex.launcher.steps.component import select_best_component
from hydra_vertex.launcher.study.client import JobService, connect
from hydra_vertex.pipelines.compiler import compile_to_file
from hydra_vertex.pipelines.local.failures import StepFailed
from hydra_vertex.pipelines.local.kfp_local import LocalRun, run_pipeline
from hydra_vertex.service.start import ServiceProcess, start_service
from pipelines.apps import make_project
from service.harness import wait_until

PARENT = "projects/p/locations/l"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("service")
    with start_service(folder / "studies", folder / "log", 30.0) as running:
        yield running


@pytest.fixture(scope="module")
def jobs(service: ServiceProcess) -> JobService:
    return connect("l", service.url)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_project(tmp_path_factory.mktemp("app")).path / "app.py")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline as a user writes it: Google's op would give `gcp_resources`."""
    from kfp import dsl

    select_best = select_best_component()

    @dsl.pipeline(name="select")
    def select(gcp_resources: str, app_command: str) -> None:
        select_best(gcp_resources=gcp_resources, app_command=app_command)

    file = tmp_path_factory.mktemp("pipeline") / "select.json"
    compile_to_file(select, file)
    return file


def ended_job(jobs: JobService, app: str, **changes: Any) -> str:
    """Run a job that the SDK could have made: its container starts the trials without this project's launcher."""
    line = '{"loss": "0.5", "global_step": "1", "trial": "1", "timestamp": 0}'
    script = f"printf '%s\\n' '{line}' > $CLOUD_ML_HP_METRIC_FILE"
    container = ContainerSpec(image_uri="local", command=("/bin/sh", "-c", changes.pop("script", script)))
    job = build_job(
        display_name="sdk",
        study_spec=StudySpec((MetricSpec("loss", Goal.MINIMIZE),), (ParameterSpec("lr", DoubleRange(0.1, 0.9)),)),
        trial_job_spec=TrialJobSpec((WorkerPoolSpec(container=container, machine={"machineType": "local"}),)),
        app=("python", app),
        max_trial_count=2,
        parallel_trial_count=2,
        max_failed_trial_count=1,
    )
    name = jobs.create(PARENT, replace(job, **changes)).name
    wait_until(lambda: jobs.get(name).state.is_terminal)
    return name


def run(pipeline: Path, folder: Path, resources: str, app: str) -> LocalRun:
    command = json.dumps([sys.executable, app])
    given = {"gcp_resources": resources, "app_command": command}
    return run_pipeline(pipeline, given, pipeline_root=folder / "root", log=folder / "pipeline.log")


@pytest.mark.parametrize("form", ["gcp_resources", "URL"])
def test_a_job_of_another_component_is_selected_from(
    form: str, service: ServiceProcess, jobs: JobService, app: str, pipeline: Path, tmp_path: Path
) -> None:
    uri = f"{service.url}/v1/{ended_job(jobs, app)}"
    resource = {"resourceType": "HyperparameterTuningJob", "resourceUri": uri}
    text = json.dumps({"resources": [resource]}) if form == "gcp_resources" else uri

    ended = run(pipeline, tmp_path, text, app)

    assert ended.parameter("select-best", "best_trial_id") == "1"
    assert "lr: " in ended.artifact("select-best", "best_config").read_text()


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ("", "job, gcp_resources: expected one of them, but neither is given"),
        ('{"resources": []}', "gcp_resources: expected one tuning job"),
        ("failed", "ended as JOB_STATE_FAILED"),
    ],
)
def test_a_job_that_cannot_be_selected_from_fails_the_step(
    resources: str,
    expected: str,
    service: ServiceProcess,
    jobs: JobService,
    app: str,
    pipeline: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if resources == "failed":
        name = ended_job(jobs, app, script="echo no memory; exit 3")
        assert jobs.get(name).state is JobState.FAILED
        resources = f"{service.url}/v1/{name}"

    with pytest.raises(StepFailed):
        run(pipeline, tmp_path, resources, app)

    assert expected in capfd.readouterr().err
