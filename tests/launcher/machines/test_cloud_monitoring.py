"""The machines of a job on Vertex AI, from a server that speaks Cloud Monitoring's protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from hydra_vertex.job import HyperparameterTuningJob, TrialJobSpec, WorkerPoolSpec
from hydra_vertex.launcher.machines import StudyMachines
from hydra_vertex.launcher.machines.cloud_series import CPU, GPU, GPU_MEMORY, MEMORY, queries
from hydra_vertex.launcher.machines.cloud_session import ENDPOINT_VARIABLE
from hydra_vertex.launcher.machines.from_service import machines_of
from hydra_vertex.launcher.machines.machine_size import size_of
from hydra_vertex.launcher.machines.time_series import MonitoringClient, NotReadableError, Query
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE
from launcher.jobs import START, make_job, make_trial
from launcher.machines.fake_monitoring import Monitoring, Stored, monitoring

GIB = 1 << 30
NAME = "projects/p/locations/europe-west4/hyperparameterTuningJobs/77"
MACHINE = {"machineType": "n1-standard-8", "acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 2}


def study(count: int = 2, minutes: float = 10, machine: dict[str, object] | None = None) -> HyperparameterTuningJob:
    trials = [
        dataclasses.replace(
            make_trial(n, float(n)),
            start_time=START,
            end_time=START + timedelta(minutes=minutes),
            other={"customJob": f"projects/1/locations/europe-west4/customJobs/90{n}"},
        )
        for n in range(1, count + 1)
    ]
    spec = TrialJobSpec(worker_pools=(WorkerPoolSpec(container=None, machine=machine or MACHINE),))  # type: ignore[arg-type]  # wrong machines are among the tests
    return make_job(trials, name=NAME, trial_job_spec=spec)


def stored(metric: str, trial: int, value: float, minutes: int = 10, **labels: str) -> Stored:
    known = {"job_id": f"90{trial}", "task_name": "workerpool0-0", **labels}
    return Stored(metric, known, {START + timedelta(minutes=n): value for n in range(1, minutes + 1)})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitoring]:
    with monitoring() as state:
        monkeypatch.setenv(ENDPOINT_VARIABLE, state.url)
        yield state


def test_shares_become_cores_and_bytes_of_the_machine_of_the_pool(server: Monitoring) -> None:
    server.series += [stored(CPU, 1, 0.5), stored(MEMORY, 1, 0.25), stored(GPU, 1, 0.9), stored(GPU_MEMORY, 1, 0.5)]
    machines = machines_of(study())
    assert machines.missing == ""
    assert list(machines.use) == ["1"]
    (curve,) = machines.use["1"]
    assert curve.time_s == tuple(60.0 * n for n in range(1, 11))
    assert set(curve.cpu) == {4.0}
    assert set(curve.memory_bytes) == {round(7.5 * GIB)}
    assert set(curve.gpu) == {0.9}
    assert set(curve.gpu_memory_bytes) == {16 * GIB}
    assert (curve.cpus, curve.gpus, curve.memory_limit_bytes, curve.missing) == (8.0, 2, 30 * GIB, "")


def test_all_pages_are_read_and_several_gpus_are_averaged(server: Monitoring) -> None:
    server.series += [stored(GPU, trial, share) for trial in (1, 2) for share in (0.2, 0.4)]
    server.series += [stored(GPU, 1, 0.8, task_name="workerpool1-0")]
    machines = machines_of(study())
    assert {trial: [curve.worker for curve in curves] for trial, curves in machines.use.items()} == {
        "1": ["workerpool0-0", "workerpool1-0"],
        "2": ["workerpool0-0"],
    }
    assert machines.use["2"][0].gpu == pytest.approx([0.3] * 10)
    assert "the job has no worker pool 1" in machines.use["1"][1].missing
    assert any("pageToken" in request for request in server.requests)


def test_a_long_study_is_aligned_to_longer_periods_and_many_trials_need_several_queries() -> None:
    found = list(queries(study(120, minutes=600), "p", START))
    assert {query.parameters["aggregation.alignmentPeriod"] for query in found} == {"300s"}
    assert len(found) == 4 * 3
    assert all(len(query.parameters["filter"]) < 2048 for query in found)
    assert list(queries(make_job([]), "p", START)) == []


def test_a_series_of_the_tuning_job_belongs_to_the_trial_that_its_label_names(server: Monitoring) -> None:
    server.series += [dataclasses.replace(stored(CPU, 1, 0.5, job_id="77"), metric_labels={"trial_id": "2"})]
    assert list(machines_of(study()).use) == ["2"]
    server.series = [stored(CPU, 1, 0.5, job_id="77")]
    machines = machines_of(study())
    assert machines == StudyMachines(
        missing="Cloud Monitoring has 1 time series of this job, and none of them names a trial"
    )


def test_no_data_is_one_clear_line(server: Monitoring) -> None:
    machines = machines_of(study())
    assert machines.use == {}
    assert machines.missing.startswith("Cloud Monitoring has nothing about the trials: it keeps")


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ((403, "Permission monitoring.timeSeries.list denied", {}), "may not be read (403 Permission"),
        ((401, "Request had invalid credentials", {}), "no credentials for Cloud Monitoring"),
        ((404, "Project not found", {}), "Cloud Monitoring answers 404 Project not found"),
        ((400, "The metric is unknown", {}), "Cloud Monitoring answers 400 The metric is unknown"),
        ((429, "Quota exceeded", {"Retry-After": "600"}), "does not answer in time: 429 Quota exceeded"),
    ],
)
def test_a_refusal_is_one_clear_line(
    server: Monitoring, failure: tuple[int, str, dict[str, str]], message: str
) -> None:
    server.series += [stored(CPU, 1, 0.5)]
    server.failures.append(failure)
    assert message in machines_of(study()).missing


def test_a_busy_service_is_asked_again_after_the_time_that_it_says(server: Monitoring) -> None:
    server.series += [stored(CPU, 1, 0.5)]
    server.failures += [(429, "Quota exceeded", {"Retry-After": "0"}), (503, "unavailable", {"Retry-After": "0"})]
    machines = machines_of(study())
    assert (list(machines.use), machines.missing) == (["1"], "")
    assert len(server.requests) == 6


def test_what_was_read_before_a_failure_is_kept(server: Monitoring) -> None:
    server.series += [stored(CPU, 1, 0.5)]
    server.repeats_token = True
    machines = machines_of(study())
    assert list(machines.use) == ["1"]
    assert "more than 200 pages" in machines.missing


@pytest.mark.parametrize("raw", [b"", b"[]", b"<html>", b'{"timeSeries": {}}', b'{"timeSeries": [1]}'])
def test_an_answer_of_another_form_is_one_clear_line(server: Monitoring, raw: bytes) -> None:
    server.raw = raw
    assert machines_of(study()).missing.startswith("Cloud Monitoring answers")


def test_a_series_of_another_form_is_named(server: Monitoring) -> None:
    server.raw = (
        b'{"timeSeries": [{"resource": {"labels": {"job_id": "901"}}, "points": [{"value": {"doubleValue": "x"}}]}]}'
    )
    assert "timeSeries.points[0].interval: has no endTime" in machines_of(study()).missing


def test_no_server_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, "http://127.0.0.1:9")
    assert machines_of(study()).missing.startswith("Cloud Monitoring does not answer")


@pytest.mark.parametrize(
    "endpoint", ["http://monitoring.example", "https://[", "https://", "https://a:b", "[", "ftp://a"]
)
def test_an_address_that_is_none_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, endpoint)
    assert machines_of(study()).missing == (
        f"{ENDPOINT_VARIABLE} is {endpoint.rstrip('/')}: expected an address that begins with https://"
    )


def test_a_host_that_cannot_be_one_is_not_readable() -> None:
    client = MonitoringClient(AuthorizedSession(AnonymousCredentials()), f"https://{'a' * 64}.example")
    with pytest.raises(NotReadableError, match="does not answer"):
        list(client.series(Query("p", {})))


def test_a_token_that_cannot_be_read_is_one_clear_line(server: Monitoring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_FILE_VARIABLE, "absent/service.token")
    assert "no credentials for Cloud Monitoring: absent/service.token" in machines_of(study()).missing
    assert "does not say what its machines did: absent/service.token" in machines_of(study(), server.url).missing


def test_a_service_that_refuses_the_token_is_one_clear_line(
    server: Monitoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "wrong")
    server.failures.append((401, "the token is not that of the service", {}))
    assert machines_of(study(), server.url).missing.startswith("the service does not say what its machines did: ")


def test_a_proxy_does_not_get_the_token_of_a_server_on_this_machine(
    server: Monitoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.series += [stored(CPU, 1, 0.5)]
    assert (list(machines_of(study()).use), machines_of(study()).missing) == (["1"], "")


def test_a_job_of_no_region_has_no_machines() -> None:
    local = dataclasses.replace(study(), name="projects/local/locations/local/hyperparameterTuningJobs/1")
    assert machines_of(local) == StudyMachines()
    assert "does not say what its machines did" in machines_of(local, "http://127.0.0.1:9").missing


@pytest.mark.parametrize(
    ("machine", "cpus", "memory_gib", "gpus", "problem"),
    [
        ({"machineType": "a2-highgpu-1g"}, 12.0, 85, 1, ""),
        ({"machineType": "n1-standard-4"}, 4.0, 15, 0, ""),
        ({"machineType": "n1-standard-4", "acceleratorType": "NVIDIA_TESLA_T4"}, 4.0, 15, 1, ""),
        ({"machineType": "n1-standard-4", "acceleratorType": "NEW"}, 4.0, 15, 1, "the memory of NEW is unknown"),
        ({"machineType": "z9-new-4"}, None, None, 0, "the machine type z9-new-4 is unknown"),
        ({}, None, None, 0, "of the job is unknown"),
        ({"machineType": 7}, None, None, 0, "machineSpec.machineType: expected a string"),
    ],
)
def test_the_size_of_a_worker_is_that_of_its_machine_type(
    machine: dict[str, object], cpus: float | None, memory_gib: int | None, gpus: int, problem: str
) -> None:
    size = size_of(study(machine=machine or {"diskSpec": ""}).trial_job_spec, "workerpool0-0")
    assert (size.cpus, size.gpus) == (cpus, gpus)
    assert size.memory_bytes == (None if memory_gib is None else memory_gib * GIB)
    assert problem in size.problem
    assert bool(problem) == bool(size.problem)
