"""Runs the tuning step with repeats, with a real service and a real app."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import DoubleRange, Goal, JobState, MetricSpec, ParameterSpec, StudySpec, dump_study_spec
from hydra_vertex.launcher.confirm.find import find_confirmation
from hydra_vertex.launcher.confirm.result import confirmation_of
from hydra_vertex.launcher.confirm.settings import ConfirmSettings, dump_settings
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.study.client import connect
from hydra_vertex.launcher.study.job_source import find_job
from hydra_vertex.service.start import ServiceProcess, start_service
from launcher.steps import inputs
from trial.apps import write_app

PARENT = "projects/p/locations/l"
SPEC = StudySpec((MetricSpec("val/loss", Goal.MINIMIZE),), (ParameterSpec("lr", DoubleRange(0.0, 1.0)),))
APP = """
import time

import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config):
    if config.seed >= 1000:
        time.sleep(config.wait_s if config.seed == 1002 else 0)
        assert config.seed not in config.failing_seeds
    return config.lr + config.seed % 10 * 1e-9

main()
"""
CONFIG = "lr: 0.5\nseed: 1\nwait_s: 0\nfailing_seeds: []\n"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    with start_service(tmp_path / "studies", tmp_path / "service.log", 30.0) as running:
        yield running


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path / "app", **{"train.py": APP, "conf/config.yaml": CONFIG}) / "train.py"


def executor_input(folder: Path, url: str, app: Path, *words: str, **changes: Any) -> str:
    command = [sys.executable, "-m", "hydra_vertex.trial", "--metric", "val/loss", "--", sys.executable, str(app)]
    folder.mkdir(exist_ok=True)
    settings = dump_settings(ConfirmSettings(2, 3, "seed"))
    given = json.loads(
        inputs.executor_input(
            folder,
            url,
            [*command, *words],
            **{"study_spec": json.dumps(dump_study_spec(SPEC)), "confirm": settings, **changes},
        )
    )
    output = {"name": "confirmation", "uri": str(folder / "confirmation"), "type": {}}
    given["outputs"]["artifacts"]["confirmation"] = {"artifacts": [output]}
    return json.dumps(given)


def start(text: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hydra_vertex.launcher.steps.tune", "--executor_input", text]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def finished(text: str) -> tuple[int, str]:
    running = start(text)
    _, stderr = running.communicate(timeout=120)
    return running.returncode, stderr


def test_the_best_configurations_are_repeated_by_one_job_however_often_the_step_starts(
    tmp_path: Path, service: ServiceProcess, app: Path
) -> None:
    first, stderr = finished(executor_input(tmp_path / "1", service.url, app))
    study = read_job(tmp_path / "1/job")
    again = executor_input(tmp_path / "2", service.url, app, existing_job=study.name)

    assert first == 0, stderr
    assert finished(again)[0] == 0
    repeats = read_job(tmp_path / "1/confirmation")
    assert read_job(tmp_path / "2/confirmation").name == repeats.name
    assert {job.name for job in connect("l", service.url).list(PARENT)} == {study.name, repeats.name}
    assert repeats.state is JobState.SUCCEEDED
    found = confirmation_of(study, repeats)
    for item in found.configurations:
        assert item.values == pytest.approx(dict.fromkeys((1000, 1001, 1002), item.trial.parameters["lr"]))
        assert len(set(item.values.values())) == 3
    assert find_confirmation(find_job(study.name, api_endpoint=service.url), study) == found
    (resource,) = json.loads((tmp_path / "1/gcp_resources").read_text())["resources"]
    assert resource["resourceUri"].endswith(study.name)


def test_other_repeats_of_the_same_study_are_another_job(tmp_path: Path, service: ServiceProcess, app: Path) -> None:
    assert finished(executor_input(tmp_path / "1", service.url, app))[0] == 0
    name = read_job(tmp_path / "1/job").name
    settings = dump_settings(ConfirmSettings(1, 2, "seed", 2000))

    assert finished(executor_input(tmp_path / "2", service.url, app, existing_job=name, confirm=settings))[0] == 0

    other = read_job(tmp_path / "2/confirmation")
    assert other.name != read_job(tmp_path / "1/confirmation").name
    assert sorted(trial.parameters["seed"] for trial in other.trials) == [2000.0, 2001.0]


def test_a_repeat_finds_nothing_of_earlier_repeats_in_its_output_folder(
    tmp_path: Path, service: ServiceProcess, app: Path
) -> None:
    given = json.loads(executor_input(tmp_path / "1", service.url, app))
    spec = json.loads(given["inputs"]["parameterValues"]["trial_job_spec"])
    output = {"baseOutputDirectory": {"outputUriPrefix": str(tmp_path / "outputs")}}
    given["inputs"]["parameterValues"]["trial_job_spec"] = json.dumps({**spec, **output})
    assert finished(json.dumps(given))[0] == 0
    study = read_job(tmp_path / "1/job")
    settings = dump_settings(ConfirmSettings(1, 2, "seed", 2000))

    again = executor_input(tmp_path / "2", service.url, app, existing_job=study.name, confirm=settings)
    assert finished(again)[0] == 0

    jobs = (study, *(read_job(tmp_path / name) for name in ("1/confirmation", "2/confirmation")))
    folders = {f"{job.trial_job_spec.base_output_uri}/{trial.id}" for job in jobs for trial in job.trials}
    assert len(folders) == sum(len(job.trials) for job in jobs)
    assert all(Path(folder).is_dir() for folder in folders)


def test_a_cancelled_step_cancels_the_repeats_and_only_another_run_replaces_them(
    tmp_path: Path, service: ServiceProcess, app: Path
) -> None:
    text = executor_input(tmp_path / "1", service.url, app, "wait_s=60")
    running = start(text)
    jobs = connect("l", service.url)
    wait_for_repeats(service.url)

    running.send_signal(signal.SIGTERM)
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 130, stderr
    assert "is cancelled, because this step was cancelled" in stderr
    study, cancelled = read_job(tmp_path / "1/job"), read_job(tmp_path / "1/confirmation")
    assert study.state is JobState.SUCCEEDED
    assert jobs.get(cancelled.name).state in {JobState.CANCELLING, JobState.CANCELLED}
    restarted, stderr = finished(text)
    assert (restarted, read_job(tmp_path / "1/confirmation").name) == (1, cancelled.name), stderr
    running = start(executor_input(tmp_path / "2", service.url, app, "wait_s=60", existing_job=study.name))
    wait_for_repeats(service.url, count=2)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert read_job(tmp_path / "2/job").name == study.name
    assert read_job(tmp_path / "2/confirmation").name != cancelled.name


def test_repeats_that_all_fail_end_the_step_and_everything_measured_is_kept(
    tmp_path: Path, service: ServiceProcess, app: Path
) -> None:
    text = executor_input(tmp_path / "1", service.url, app, "failing_seeds=[1000,1001,1002]")
    code, stderr = finished(text)

    assert code == 1
    assert finished(text)[0] == 1
    assert len(list(connect("l", service.url).list(PARENT))) == 2
    assert "leave --confirm out" in stderr
    assert "--on-unsuccessful-job" not in stderr
    assert read_job(tmp_path / "1/job").state is JobState.SUCCEEDED
    assert len(read_job(tmp_path / "1/confirmation").trials) == 6


def test_many_equal_failures_of_repeats_end_them_with_advice_about_repeats(
    tmp_path: Path, service: ServiceProcess, app: Path
) -> None:
    settings = dump_settings(ConfirmSettings(2, 6, "seed"))
    text = executor_input(
        tmp_path / "1", service.url, app, "failing_seeds=[1000,1001,1002,1003,1004,1005]", confirm=settings
    )
    code, stderr = finished(text)

    assert code == 1
    assert "failed alike" in stderr
    assert "--first-seed), or leave --confirm out" in stderr
    assert "--max-failed-trials" not in stderr


def test_repeats_that_fail_with_one_seed_are_counted(tmp_path: Path, service: ServiceProcess, app: Path) -> None:
    code, stderr = finished(executor_input(tmp_path / "1", service.url, app, "failing_seeds=[1001]"))

    assert code == 0, stderr
    found = confirmation_of(read_job(tmp_path / "1/job"), read_job(tmp_path / "1/confirmation"))
    assert [(len(item.values), item.failed) for item in found.configurations] == [(2, 1), (2, 1)]


def test_a_limit_that_is_used_up_prevents_the_repeats(tmp_path: Path, service: ServiceProcess, app: Path) -> None:
    assert finished(executor_input(tmp_path / "1", service.url, app, confirm=""))[0] == 0
    name = read_job(tmp_path / "1/job").name

    text = executor_input(tmp_path / "2", service.url, app, existing_job=name, max_worker_hours="1e-9")
    code, stderr = finished(text)

    assert code == 0, stderr
    assert "no repeats of the best configurations: the limit of 1e-09 worker-hours" in stderr
    assert [job.name for job in connect("l", service.url).list(PARENT)] == [name]
    found = confirmation_of(read_job(tmp_path / "2/job"), read_job(tmp_path / "2/confirmation"))
    assert found.selected is None
    assert "the limit of 1e-09 worker-hours" in found.stopped


def test_what_was_measured_before_a_limit_is_used(tmp_path: Path, service: ServiceProcess, app: Path) -> None:
    running = start(executor_input(tmp_path / "1", service.url, app, "wait_s=60"))
    wait_for_repeats(service.url, measured=4)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    name = read_job(tmp_path / "1/job").name

    text = executor_input(tmp_path / "2", service.url, app, existing_job=name, max_worker_hours="1e-9")
    code, stderr = finished(text)

    assert code == 0, stderr
    assert "no further repeats of the best configurations: the limit of 1e-09 worker-hours" in stderr
    found = confirmation_of(read_job(tmp_path / "2/job"), read_job(tmp_path / "2/confirmation"))
    assert found.selected is not None
    assert [list(item.values) for item in found.configurations] == [[1000, 1001]] * 2
    assert "the limit of 1e-09 worker-hours" in found.stopped


def test_without_repeats_the_output_is_an_empty_file(tmp_path: Path, service: ServiceProcess, app: Path) -> None:
    assert finished(executor_input(tmp_path / "1", service.url, app, confirm=""))[0] == 0

    assert (tmp_path / "1/confirmation").read_text() == ""


def test_a_pipeline_without_the_output_is_refused_before_anything_starts(
    tmp_path: Path, service: ServiceProcess, app: Path
) -> None:
    given = json.loads(executor_input(tmp_path / "1", service.url, app))
    del given["outputs"]["artifacts"]["confirmation"]

    code, stderr = finished(json.dumps(given))

    assert code == 2
    assert "the step has no output confirmation; compile the pipeline again" in stderr
    assert list(connect("l", service.url).list(PARENT)) == []


def wait_for_repeats(url: str, count: int = 1, measured: int = 0) -> None:
    """Wait until so many jobs of repeats exist, and a trial of the newest runs and so many are measured."""
    jobs = connect("l", url)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = list(jobs.list(PARENT, "labels.hydra_vertex_confirms:*"))
        trials = jobs.get(found[0].name).trials if len(found) >= count else ()
        if trials and sum(trial.final_measurement is not None for trial in trials) >= measured:
            return
        time.sleep(0.1)
    raise AssertionError(f"{count} jobs of repeats were expected")
