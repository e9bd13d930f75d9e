"""Runs the tuning step as a pipeline starts it, with a real service and real trials."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import HyperparameterTuningJob, JobState, TrialState
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.steps.tune import TuningRun
from hydra_vertex.launcher.study.client import connect
from hydra_vertex.launcher.study.retry import RetryLimits
from hydra_vertex.launcher.study.stop_signals import StopSignals
from hydra_vertex.protocol.errors import Interrupted, ServiceError, ServiceUnreachableError, UserError
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
    STARTED.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    return STARTED[-1]


STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def no_step_is_left() -> Iterator[None]:
    """End the steps that a failed test has left running."""
    yield
    for started in STARTED:
        if started.poll() is None:
            started.kill()
            started.communicate()
    STARTED.clear()


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


def test_a_step_that_is_cancelled_before_it_creates_its_job_creates_none(
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
    assert "no job was created" in stderr
    assert connect("l", service.url).list(PARENT) == ()


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
    wait_for_file(tmp_path / "first" / "gcp_resources")
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
        (tmp_path / name).unlink(missing_ok=True)  # The step may have been killed before it wrote the file.

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
        ({"attach": "always"}, 2, "attach: expected one of '', attach, reuse, got 'always'"),
        ({"on_stop": "pause"}, 2, "on_stop: expected one of cancel, detach, got 'pause'"),
        ({"attach": "reuse", "existing_job": f"{PARENT}/hyperparameterTuningJobs/1"}, 2, "and existing_job is given"),
        ({"existing_job": "123"}, 2, "123: the job's name needs --project"),
        ({"existing_job": f"{PARENT}x/hyperparameterTuningJobs/1"}, 2, "--location l: the job's name has lx"),
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


SLOW = "import time; time.sleep(300)"


def job_of(service: ServiceProcess) -> HyperparameterTuningJob:
    (job,) = connect("l", service.url).list(PARENT)
    return job


@pytest.mark.parametrize("mode", ["attach", "reuse"])
def test_a_step_watches_a_job_in_progress_with_its_study_key_and_never_cancels_it(
    mode: str, tmp_path: Path, service: ServiceProcess
) -> None:
    first = step(executor_input(tmp_path / "first", service.url, SLOW))
    wait_for_a_running_trial(service.url)
    again = executor_input(
        tmp_path / "second", service.url, SLOW, attach=mode, display_name="another", on_stop="cancel"
    )

    written = tmp_path / "second" / "executor_output.json"
    for _ in range(2):  # Started again, the step finds the job in its own gcp_resources.
        written.unlink(missing_ok=True)
        second = step(again)
        wait_for_file(written)
        second.send_signal(signal.SIGTERM)
        _out, stderr = second.communicate(timeout=60)
        assert second.returncode == 130, stderr
        assert f"stopped watching {job_of(service).name}; the job continues" in stderr
    assert job_of(service).state is JobState.RUNNING
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)


def test_a_finished_job_with_the_same_study_key_is_reused_only_when_asked(
    tmp_path: Path, service: ServiceProcess
) -> None:
    def finished(folder: str, **changes: Any) -> tuple[str, str]:
        running = step(executor_input(tmp_path / folder, service.url, SUCCEEDS, **changes))
        _, stderr = running.communicate(timeout=60)
        assert running.returncode == 0, stderr
        return read_job(tmp_path / folder / "job").name, stderr

    first, _ = finished("first")
    reused, stderr = finished("reused", attach="reuse", display_name="another")
    attached, stderr_of_attached = finished("attached", attach="attach")
    larger, _ = finished("larger", attach="reuse", max_trial_count=3.0)
    default, _ = finished("default")

    assert reused == first
    assert f"{first} (JOB_STATE_SUCCEEDED) has the study key" in stderr
    assert "no job to attach has the study key" in stderr_of_attached
    assert len({first, attached, larger, default}) == 4
    assert len(connect("l", service.url).list(PARENT)) == 4


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_step_that_detaches_leaves_its_job_running_and_says_how_to_watch_it(
    signum: signal.Signals, tmp_path: Path, service: ServiceProcess
) -> None:
    running = step(executor_input(tmp_path, service.url, SLOW, on_stop="detach"))
    wait_for_file(tmp_path / "gcp_resources")
    wait_for_a_running_trial(service.url)

    running.send_signal(signum)
    _, stderr = running.communicate(timeout=60)

    job = job_of(service)
    assert running.returncode == 130
    assert f"the job goes on (on_stop is detach). To watch it again: hydra-vertex watch {job.name}" in stderr
    assert job.state is JobState.RUNNING
    assert read_job(tmp_path / "job").name == job.name


def test_a_job_on_google_cloud_has_its_page_said_and_ctrl_c_cancels_it(
    tmp_path: Path, service: ServiceProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    given = parse_executor_input(executor_input(tmp_path, "", SLOW))

    def press_ctrl_c() -> None:
        wait_for_a_running_trial(service.url)
        os.kill(os.getpid(), signal.SIGINT)

    with StopSignals().armed() as signals:
        client = connect("l", service.url, check=signals.check)
        run = TuningRun(given, client, signals, RetryLimits(total_s=10.0))
        presser = threading.Thread(target=press_ctrl_c)
        presser.start()
        with pytest.raises(Interrupted, match="is cancelled, because"):
            run.finished_job()
        presser.join()

    job = job_of(service)
    page = f"https://console.cloud.google.com/ai/platform/locations/l/training/{job.name.rpartition('/')[2]}?project=p"
    assert f"tune: {job.name}: {page}" in capsys.readouterr().err
    assert job.state in {JobState.CANCELLING, JobState.CANCELLED}


def test_an_existing_job_may_be_the_gcp_resources_of_another_component(tmp_path: Path, service: ServiceProcess) -> None:
    step(executor_input(tmp_path / "first", service.url, SUCCEEDS)).communicate(timeout=60)
    resources = (tmp_path / "first" / "gcp_resources").read_text()

    again = step(executor_input(tmp_path / "second", service.url, SUCCEEDS, existing_job=resources))
    _, stderr = again.communicate(timeout=60)

    assert again.returncode == 0, stderr
    assert read_job(tmp_path / "second" / "job").name == job_of(service).name


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
