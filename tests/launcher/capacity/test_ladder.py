"""The tuning step climbs a ladder with one job alive at any time, also when it is killed, stopped or started again."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import HyperparameterTuningJob, JobState, parse_trial_job_spec
from hydra_vertex.launcher.capacity.rungs import Rung, dump_ladder, load_ladder, make_ladder, on_rung_parameters
from hydra_vertex.launcher.capacity.shortage import RungWatch
from hydra_vertex.launcher.cost.service_clock import ServiceClock
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.steps import tune
from hydra_vertex.launcher.steps.climb import Climb
from hydra_vertex.launcher.study import watch
from hydra_vertex.launcher.study.client import JobService, connect
from hydra_vertex.launcher.study.retry import RetryLimits
from hydra_vertex.launcher.study.stop_signals import StopSignals
from hydra_vertex.protocol.executor import parse_executor_input
from hydra_vertex.protocol.json import Json
from hydra_vertex.service.devices.resource_options import ResourceOptions
from hydra_vertex.service.start import ServiceProcess, start_service
from launcher.capacity.fake_vertex import fake_vertex
from launcher.faults.rest_proxy import RestProxy
from launcher.jobs import make_job
from launcher.steps.inputs import executor_input

FAULT_SEEDS = int(os.environ.get("FAULT_SEEDS", "3"))
PLACES = ("a", "b")
METRIC_LINE = '{"val/loss": "0.5", "global_step": "1", "trial": "1", "timestamp": 0}'
SUCCEEDS = f"import os; open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'w').write('{METRIC_LINE}' + chr(10))"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service with one slot, which a job of another study occupies."""
    one_slot = ResourceOptions(max_parallel=1)
    with start_service(tmp_path / "studies", tmp_path / "service.log", 30.0, resources=one_slot) as running:
        occupant(running)
        yield running


def occupant(service: ServiceProcess) -> HyperparameterTuningJob:
    jobs = connect("l", service.url)
    parent = "projects/other/locations/l"
    found = jobs.list(parent)
    if found:
        return found[0]
    container: Json = {"imageUri": "i", "command": [sys.executable, "-c", "import time; time.sleep(600)"]}
    pool: Json = {"machineSpec": {"machineType": "local"}, "containerSpec": container}
    spec = parse_trial_job_spec({"workerPoolSpecs": [pool]})
    job = jobs.create(parent, make_job(state=JobState.UNSPECIFIED, start_time=None, trial_job_spec=spec))
    wait_until(lambda: bool(jobs.get(job.name).trials))
    return job


def step_input(folder: Path, url: str, max_wait_s: float = 1.0, **changes: Any) -> str:
    ladder = dump_ladder(make_ladder(("SPOT", "STANDARD"), ("a", "b")[: changes.pop("places", 2)], max_wait_s))
    counts = {"max_trial_count": 1.0, "parallel_trial_count": 1.0}
    command = [sys.executable, "-c", SUCCEEDS]
    return executor_input(folder, url, command, **{**counts, "capacity_ladder": ladder, **changes})


def start(text: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hydra_vertex.launcher.steps.tune", "--executor_input", text]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_until(condition: Callable[[], bool], limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not so after {limit_s} s"
        time.sleep(0.05)


def jobs_of(url: str) -> list[HyperparameterTuningJob]:
    """Return the step's jobs in all places, in the order of their creation."""
    service = connect("l", url)
    found = [job for place in PLACES for job in service.list(f"projects/p/locations/{place}")]
    return sorted(found, key=lambda job: job.labels["hydra_vertex_rung"])


def require_one_at_a_time(jobs: list[HyperparameterTuningJob]) -> None:
    for former, latter in itertools.pairwise(jobs):
        assert former.end_time is not None
        assert latter.create_time is not None
        assert former.end_time <= latter.create_time


def test_the_next_rung_is_tried_when_the_former_has_ended_and_the_last_one_waits(
    tmp_path: Path, service: ServiceProcess
) -> None:
    running = start(step_input(tmp_path, service.url))
    wait_until(lambda: len(jobs_of(service.url)) == 4)
    connect("l", service.url).cancel(occupant(service).name)
    _, stderr = running.communicate(timeout=60)
    jobs = jobs_of(service.url)

    assert running.returncode == 0, stderr
    assert [job.state.value for job in jobs] == ["JOB_STATE_CANCELLED"] * 3 + ["JOB_STATE_SUCCEEDED"]
    require_one_at_a_time(jobs)
    assert [(j.name.split("/")[3], j.trial_job_spec.scheduling["strategy"]) for j in jobs] == [
        *(("a", "SPOT"), ("b", "SPOT"), ("a", "STANDARD"), ("b", "STANDARD")),
    ]
    assert len({job.labels["hydra_vertex_run"] for job in jobs}) == 1
    assert "no spot machines in a after 1 s; trying spot machines in b" in stderr
    assert read_job(tmp_path / "job").name == jobs[-1].name
    assert jobs[-1].name in (tmp_path / "gcp_resources").read_text()


def test_a_job_that_gets_its_machines_is_kept(tmp_path: Path, service: ServiceProcess) -> None:
    connect("l", service.url).cancel(occupant(service).name)
    running = start(step_input(tmp_path, service.url, 60.0))
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 0, stderr
    assert [job.state for job in jobs_of(service.url)] == [JobState.SUCCEEDED]


@pytest.mark.parametrize("moment", ["waiting", "leaving", "next"])
def test_a_killed_step_goes_on_where_it_was(tmp_path: Path, service: ServiceProcess, moment: str) -> None:
    text = step_input(tmp_path, service.url, places=1)
    first = start(text)
    reached = {
        "waiting": lambda: len(jobs_of(service.url)) == 1,
        "leaving": (tmp_path / "job.rung-1.left").exists,
        "next": lambda: len(jobs_of(service.url)) == 2,
    }
    wait_until(reached[moment])
    first.kill()
    first.communicate(timeout=10)

    second = start(text)
    wait_until(lambda: len(jobs_of(service.url)) == 2)
    connect("l", service.url).cancel(occupant(service).name)
    _, stderr = second.communicate(timeout=60)
    jobs = jobs_of(service.url)

    assert second.returncode == 0, stderr
    assert [job.state for job in jobs] == [JobState.CANCELLED, JobState.SUCCEEDED]
    require_one_at_a_time(jobs)


@pytest.mark.parametrize("count", [1, 2])
def test_a_stopped_step_leaves_no_job(tmp_path: Path, service: ServiceProcess, count: int) -> None:
    running = start(step_input(tmp_path, service.url, 1.0 if count == 2 else 60.0, places=1))
    wait_until(lambda: len(jobs_of(service.url)) == count)

    running.send_signal(signal.SIGTERM)
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 130, stderr
    assert len(jobs_of(service.url)) == count
    assert all(job.state.is_ending for job in jobs_of(service.url))


def test_a_job_that_was_cancelled_by_somebody_else_is_the_end(tmp_path: Path, service: ServiceProcess) -> None:
    running = start(step_input(tmp_path, service.url, 60.0))
    wait_until(lambda: len(jobs_of(service.url)) == 1)

    connect("l", service.url).cancel(jobs_of(service.url)[0].name)
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 1, stderr
    assert len(jobs_of(service.url)) == 1


def test_several_locations_with_the_endpoint_of_one_are_refused(tmp_path: Path) -> None:
    running = start(step_input(tmp_path, "https://a-aiplatform.googleapis.com"))
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 2
    assert "is that of one region, and the trials may be in a, b" in stderr


@pytest.mark.parametrize("first", ["queued", "pending", "active", "stockout", "quota"])
def test_each_form_of_a_shortage_leads_to_the_next_rung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.setattr(watch, "POLL_LOCAL_S", 0.05)
    with fake_vertex({"SPOT": first, "STANDARD": "had"}) as server:
        job = climbed(tmp_path, server.url)

        assert job.state is JobState.SUCCEEDED
        assert server.strategies() == (["STANDARD"] if first == "quota" else ["SPOT", "STANDARD"])
        assert server.most_alive <= 1


def test_a_job_that_succeeds_while_it_is_left_is_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_LOCAL_S", 0.05)
    with fake_vertex({"SPOT": "late", "STANDARD": "had"}) as server:
        job = climbed(tmp_path, server.url)

        assert (job.state, server.strategies()) == (JobState.SUCCEEDED, ["SPOT"])


@pytest.mark.parametrize("seed", range(FAULT_SEEDS))
def test_one_job_at_a_time_whatever_a_proxy_does_to_the_requests(
    tmp_path: Path, service: ServiceProcess, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(watch, "POLL_LOCAL_S", 0.1)
    limits = RetryLimits(total_s=60.0, late_s=1.5, request_s=0.6, first_wait_s=0.05, longest_wait_s=0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = RestProxy(listener, int(service.url.rpartition(":")[2]), seed, tmp_path / "faults")
        threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
        threading.Thread(target=free_the_slot_for_the_second_rung, args=(service,), daemon=True).start()
        job = climbed(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}", limits)
        proxy.shutdown()
    jobs = jobs_of(service.url)
    first = [found for found in jobs if found.labels["hydra_vertex_rung"] == "1"]
    second = [found for found in jobs if found.labels["hydra_vertex_rung"] == "2"]

    assert job.state is JobState.SUCCEEDED
    assert [found.name for found in jobs if not found.state.is_ending or found.state is JobState.SUCCEEDED] == [
        job.name
    ]
    assert max(str(found.end_time) for found in first) <= min(str(found.create_time) for found in second)


def free_the_slot_for_the_second_rung(service: ServiceProcess) -> None:
    wait_until(lambda: any(job.labels["hydra_vertex_rung"] == "2" for job in jobs_of(service.url)), 120)
    connect("l", service.url).cancel(occupant(service).name)


SHORT = RetryLimits(total_s=0.3, first_wait_s=0.05)


def climbed(folder: Path, url: str, limits: RetryLimits = SHORT) -> HyperparameterTuningJob:
    """Run the step's ladder in this process, with short retries."""
    given = parse_executor_input(step_input(folder, url, 0.5, places=1))
    with StopSignals().armed() as signals:

        def prepare(rung: Rung, number: int) -> tune.TuningRun:
            there = replace(given, parameters=on_rung_parameters(given.parameters, rung, number))
            service: JobService = connect(rung.location, url, limits=limits, check=signals.check)
            watched = RungWatch(rung, number, ServiceClock(url).now, service.has_started)
            return tune.TuningRun(there, service, signals, limits, watched)

        return Climb(given, load_ladder(given.text("capacity_ladder")), prepare).finished_job()
