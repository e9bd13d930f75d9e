"""Runs the tuning step as a pipeline starts it, with a real service and real trials."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import JobState, TrialState
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.steps.tune import TuningRun
from hydra_vertex.launcher.study.client import connect
from hydra_vertex.launcher.study.retry import RetryLimits
from hydra_vertex.launcher.study.stop_signals import StopSignals
from hydra_vertex.protocol.errors import ServiceError, ServiceUnreachableError, UserError
from hydra_vertex.protocol.executor import parse_executor_input
from hydra_vertex.service.start import ServiceProcess, start_service
from launcher.jobs import make_job
from launcher.steps import inputs

PARENT = "projects/p/locations/l"
METRIC_LINE = '{"val/loss": "0.5", "global_step": "1", "trial": "1", "timestamp": 0}'
SUCCEEDS = f"import os; open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'w').write('{METRIC_LINE}' + chr(10))"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    with start_service(tmp_path / "studies", tmp_path / "service.log", 30.0) as running:
        yield running


def executor_input(folder: Path, url: str, code: str, **changes: Any) -> str:
    """Return the ExecutorInput of the step, for trials that run one line of Python."""
    return inputs.executor_input(folder, url, [sys.executable, "-c", code], **changes)


def step(text: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hydra_vertex.launcher.steps.tune", "--executor_input", text]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_step_outputs_the_finished_job_and_a_link_to_it(tmp_path: Path, service: ServiceProcess) -> None:
    running = step(executor_input(tmp_path, service.url, SUCCEEDS))
    stdout, stderr = running.communicate(timeout=60)

    assert running.returncode == 0, stderr
    assert stdout == ""
    assert "trial 2 SUCCEEDED" in stderr
    job = read_job(tmp_path / "job")
    assert job.state is JobState.SUCCEEDED
    assert [trial.objective("val/loss") for trial in job.trials] == [0.5, 0.5]
    (resource,) = json.loads((tmp_path / "gcp_resources").read_text())["resources"]
    assert resource == {"resourceType": "HyperparameterTuningJob", "resourceUri": f"{service.url}/v1/{job.name}"}


def test_the_link_has_the_form_that_google_components_read(tmp_path: Path, service: ServiceProcess) -> None:
    pytest.importorskip("google_cloud_pipeline_components", reason="`make google-components` runs this")
    from google.protobuf import json_format
    from google_cloud_pipeline_components.proto.gcp_resources_pb2 import GcpResources

    step(executor_input(tmp_path, service.url, SUCCEEDS)).communicate(timeout=60)

    read = json_format.Parse((tmp_path / "gcp_resources").read_text(), GcpResources())
    assert read.resources[0].resource_type == "HyperparameterTuningJob"


def test_a_step_continues_after_its_service_is_killed_and_restarted(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "hydra_vertex.service", "--dir", str(tmp_path / "studies"), "--port", str(port)]
    first = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert "listening" in first.stdout.readline()
    slow_trial = f"import time; time.sleep(1.5); {SUCCEEDS}"
    running = step(executor_input(tmp_path, f"http://127.0.0.1:{port}", slow_trial, max_trial_count=4.0))
    wait_for_a_running_trial(f"http://127.0.0.1:{port}")

    first.kill()
    first.wait(10)
    second = subprocess.Popen(serve, stdout=subprocess.DEVNULL)
    _, stderr = running.communicate(timeout=60)
    second.terminate()

    assert running.returncode == 0, stderr
    assert second.wait(20) == 0
    first.stdout.close()
    assert [trial.objective("val/loss") for trial in read_job(tmp_path / "job").trials] == [0.5] * 4


def test_a_cancelled_step_cancels_its_job(tmp_path: Path, service: ServiceProcess) -> None:
    running = step(executor_input(tmp_path, service.url, "import time; time.sleep(60)"))
    jobs = connect("l", service.url)
    wait_for_a_running_trial(service.url)

    running.send_signal(signal.SIGTERM)
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 130
    assert "is cancelled, because this step was cancelled" in stderr
    (job,) = jobs.list(PARENT)
    assert job.state in {JobState.CANCELLING, JobState.CANCELLED}


def test_a_step_that_is_cancelled_while_it_creates_its_job_cancels_the_job(
    tmp_path: Path, service: ServiceProcess
) -> None:
    os.kill(service.pid, signal.SIGSTOP)
    running = step(executor_input(tmp_path, service.url, "import time; time.sleep(60)"))
    try:
        wait_for_a_connection(service.url)
        running.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.poll() is None
    finally:
        os.kill(service.pid, signal.SIGCONT)
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 130, stderr
    (job,) = connect("l", service.url).list(PARENT)
    assert job.state in {JobState.CANCELLING, JobState.CANCELLED}


def test_an_existing_job_is_watched_and_no_job_is_created(tmp_path: Path, service: ServiceProcess) -> None:
    step(executor_input(tmp_path / "first", service.url, SUCCEEDS)).communicate(timeout=60)
    name = read_job(tmp_path / "first" / "job").name

    again = step(executor_input(tmp_path / "second", service.url, SUCCEEDS, existing_job=name))
    again.communicate(timeout=60)

    assert again.returncode == 0
    assert read_job(tmp_path / "second" / "job").name == name
    assert len(connect("l", service.url).list(PARENT)) == 1


def test_a_job_that_the_step_did_not_create_goes_on_when_the_step_is_cancelled(
    tmp_path: Path, service: ServiceProcess
) -> None:
    first = step(executor_input(tmp_path / "first", service.url, "import time; time.sleep(60)"))
    wait_for_a_running_trial(service.url)
    first.kill()
    first.communicate(timeout=10)
    (job,) = connect("l", service.url).list(PARENT)
    second = step(executor_input(tmp_path / "second", service.url, SUCCEEDS, existing_job=job.name))
    wait_for_file(tmp_path / "second" / "gcp_resources")

    second.send_signal(signal.SIGTERM)
    _, stderr = second.communicate(timeout=60)

    assert second.returncode == 130
    assert f"stopped watching {job.name}; the job continues" in stderr
    assert connect("l", service.url).get(job.name).state is JobState.RUNNING


def test_a_cancelled_step_cancels_the_job_that_it_has_recorded_also_without_its_label(
    tmp_path: Path, service: ServiceProcess
) -> None:
    first = step(executor_input(tmp_path / "first", service.url, "import time; time.sleep(60)"))
    wait_for_a_running_trial(service.url)
    first.kill()
    first.communicate(timeout=10)
    # For the second step, the label is that of another run.
    (tmp_path / "second").mkdir()
    shutil.copy(tmp_path / "first" / "gcp_resources", tmp_path / "second")
    second = step(executor_input(tmp_path / "second", service.url, SUCCEEDS))
    wait_for_file(tmp_path / "second" / "executor_output.json")

    second.send_signal(signal.SIGTERM)
    _, stderr = second.communicate(timeout=60)

    (job,) = connect("l", service.url).list(PARENT)
    assert job.state.is_ending
    assert f"{job.name} is cancelled" in stderr


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "A job with the label hydra_vertex_run=.* may exist; list the jobs, and cancel it"),
        ({"existing_job": f"{PARENT}/hyperparameterTuningJobs/1"}, "hyperparameterTuningJobs/1 may go on; start"),
    ],
)
def test_an_error_of_a_service_that_does_not_answer_says_what_may_go_on(
    tmp_path: Path, changes: dict[str, str], expected: str
) -> None:
    url, limits = "http://127.0.0.1:9", RetryLimits(total_s=0.2, first_wait_s=0.05)
    given = parse_executor_input(executor_input(tmp_path, url, SUCCEEDS, **changes))

    with pytest.raises(ServiceUnreachableError, match=expected), StopSignals().armed() as signals:
        TuningRun(given, connect("l", url, limits=limits), signals, limits).finished_job()


@pytest.mark.parametrize("lost", [(), ("gcp_resources",)])
def test_a_killed_step_that_is_started_again_goes_on_with_its_job(
    tmp_path: Path, service: ServiceProcess, lost: tuple[str, ...]
) -> None:
    text = executor_input(tmp_path, service.url, f"import time; time.sleep(2); {SUCCEEDS}")
    first = step(text)
    wait_for_a_running_trial(service.url)
    first.kill()
    first.communicate(timeout=10)
    for name in lost:
        (tmp_path / name).unlink()

    second = step(text)
    _, stderr = second.communicate(timeout=60)

    assert second.returncode == 0, stderr
    (job,) = connect("l", service.url).list(PARENT)
    assert read_job(tmp_path / "job").name == job.name


@pytest.mark.parametrize(
    ("changes", "code", "expected"),
    [
        ({"study_spec": "{"}, 2, "study_spec: not JSON"),
        ({"study_spec": "{}"}, 2, "studySpec.metrics: is empty"),
        ({"parallel_trial_count": 3.0}, 2, "3 parallel trials of 2 in total"),
        ({"api_endpoint": "http://example.com"}, 2, "plain http is allowed only on this machine"),
        ({"labels": "[]"}, 2, "labels: expected a JSON object"),
    ],
)
def test_invalid_parameters_are_refused_in_one_line(
    tmp_path: Path, service: ServiceProcess, changes: dict[str, Any], code: int, expected: str
) -> None:
    running = step(executor_input(tmp_path, service.url, SUCCEEDS, **changes))
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == code, stderr
    assert stderr.startswith("tune: ")
    assert expected in stderr
    assert len(stderr.splitlines()) == 1


def test_the_error_of_a_service_that_refuses_is_quoted(service: ServiceProcess) -> None:
    with pytest.raises(ServiceError, match=r"creating the tuning job 'train-docs': the service answered 400 .*max"):
        connect("l", service.url).create(PARENT, make_job(max_trial_count=0, parallel_trial_count=0))


def test_a_service_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(ServiceError, match="creating the tuning job 'train-docs'"):
        connect("l", "http://127.0.0.1:9").create(PARENT, make_job())


def test_plain_http_to_another_machine_is_refused() -> None:
    with pytest.raises(UserError, match=r"http://10\.0\.0\.1: plain http is allowed only on this machine"):
        connect("l", "http://10.0.0.1")


def wait_for_a_running_trial(url: str, limit_s: float = 60) -> None:
    jobs, deadline = connect("l", url), time.monotonic() + limit_s
    while time.monotonic() < deadline:
        trials = [trial for job in jobs.list(PARENT) for trial in jobs.get(job.name).trials]
        if any(trial.state is TrialState.ACTIVE for trial in trials):
            return
        time.sleep(0.1)
    raise AssertionError(f"no trial runs after {limit_s} s")


@pytest.mark.parametrize("wanted", ["", "fail", "select"])
def test_a_job_that_was_cancelled_elsewhere_fails_the_step_unless_it_is_told_to_go_on(
    tmp_path: Path, service: ServiceProcess, wanted: str
) -> None:
    slow = "import time; time.sleep(60)"
    running = step(executor_input(tmp_path, service.url, slow, on_unsuccessful_job=wanted))
    wait_for_a_running_trial(service.url)
    (job,) = connect("l", service.url).list(PARENT)

    connect("l", service.url).cancel(job.name)
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == (0 if wanted == "select" else 1), stderr
    assert f"{job.name} ended as JOB_STATE_CANCELLED" in stderr
    assert read_job(tmp_path / "job").state is JobState.CANCELLED


def test_a_study_whose_first_trials_fail_alike_is_cancelled(tmp_path: Path, service: ServiceProcess) -> None:
    counts = {"max_trial_count": 40.0, "parallel_trial_count": 2.0}
    running = step(executor_input(tmp_path, service.url, "raise ValueError('bad data')", **counts))
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 1, stderr
    assert "failed alike, so the job is not continued" in stderr
    assert "ValueError: bad data" in stderr
    job = connect("l", service.url).list(PARENT)[0]
    assert job.state.is_ending
    assert len(read_job(tmp_path / "job").trials) < 40


def wait_for_file(path: Path, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path} after {limit_s} s"
        time.sleep(0.05)


def wait_for_a_connection(url: str, limit_s: float = 60) -> None:
    """Wait until a process has connected to the service. The kernel accepts for a service that is stopped."""
    remote, established = f":{int(url.rpartition(':')[2]):04X}", "01"
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        if any(row[2].endswith(remote) and row[3] == established for row in rows):
            return
        time.sleep(0.05)
    raise AssertionError(f"no connection after {limit_s} s")
