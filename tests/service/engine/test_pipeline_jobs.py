"""Pipeline jobs of a service: their states, and what a restart of the service does with them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydra_vertex.service.contract.pipelines import pipeline_job
from hydra_vertex.service.start import ServiceProcess
from service.harness import PARENT, PIPELINE_RUNNER, Client, is_running, start, wait_until

ENDED = {"PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED"}
Document = Mapping[str, Any]

WAITING = """
import os, signal, sys, time
folder, output = sys.argv[1:]
def note(word):
    with open(os.path.join(folder, "ledger"), "a") as file:
        file.write(f"{word} {os.getpid()}\\n")
def stop(number, _frame):
    note(signal.Signals(number).name)
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
note("start")
while not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.02)
note("end")
open(output, "w").write("1")
"""
"""A step that notes its starts and the signals that it gets, and waits for a file named `go`."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service:
        yield service


def client_of(service: ServiceProcess, tmp_path: Path) -> Client:
    return Client(service.url, tmp_path / "studies", service.pid)


def create(client: Client, document: Document, job_id: str = "a-run") -> str:
    answer = client.http.post(f"{PARENT}/pipelineJobs?pipelineJobId={job_id}", json=document)
    assert answer.status_code == 200, answer.text
    name: str = answer.json()["name"]
    return name


def ended(client: Client, name: str) -> Document:
    wait_until(lambda: client.get(name)["state"] in ENDED)
    return client.get(name)


def waiting_job(folder: Path) -> Document:
    """A pipeline job of one step, which runs WAITING in the folder."""
    document = json.loads(json.dumps(pipeline_job()))
    spec = document["pipelineSpec"]
    del spec["root"]["dag"]["tasks"]["second"], spec["root"]["inputDefinitions"]
    spec["root"]["dag"]["tasks"]["first"]["inputs"] = {}
    del spec["components"]["comp-first"]["inputDefinitions"]
    container = spec["deploymentSpec"]["executors"]["exec-first"]["container"]
    output = "{{$.outputs.parameters['next'].output_file}}"
    container["args"] = ["-I", "-S", "-c", WAITING, str(folder), output]
    return dict(document)


def ledger(folder: Path) -> list[tuple[str, int]]:
    file = folder / "ledger"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(word, int(pid)) for word, pid in map(str.split, lines)]


def words(folder: Path) -> list[str]:
    return [word for word, _ in ledger(folder)]


def test_a_pipeline_runs_and_its_artifacts_are_below_the_folder_of_its_root(
    service: ServiceProcess, tmp_path: Path
) -> None:
    with client_of(service, tmp_path) as client:
        job = ended(client, create(client, pipeline_job(mode="", number=1)))

    assert job["state"] == "PIPELINE_STATE_SUCCEEDED", job
    assert [task["state"] for task in job["jobDetail"]["taskDetails"]] == ["SUCCEEDED", "SUCCEEDED"]
    root = tmp_path / "studies" / "gcs" / "contract" / "runs" / "a-run-1"
    assert (root / "first" / "next").read_text() == "2"
    assert (root / "second" / "next").read_text() == "3"


def test_a_cancelled_pipeline_ends_its_step_by_sigterm(service: ServiceProcess, tmp_path: Path) -> None:
    with client_of(service, tmp_path) as client:
        name = create(client, waiting_job(tmp_path))
        wait_until(lambda: words(tmp_path))
        client.cancel(name)
        client.cancel(name)
        job = ended(client, name)
        again = client.http.post(f"{name}:cancel", json={})

    assert job["state"] == "PIPELINE_STATE_CANCELLED"
    assert job["error"] == {"code": 1, "message": "The pipeline was cancelled."}
    assert [task["state"] for task in job["jobDetail"]["taskDetails"]] == ["CANCELLED"]
    assert words(tmp_path) == ["start", "SIGTERM"]
    assert again.status_code == 200


LEAKY = """
import json, os, sys
from hydra_vertex.protocol.secret_fingerprints import fingerprints
with open(os.environ["HYDRA_TRIAL_FINGERPRINTS"], "w") as file:
    json.dump(fingerprints(["S3CRET-value"], "salt"), file)
sys.exit("the password is S3CRET-value")
"""
"""A step that has read a secret as `hydra-trial` does, and prints it."""


def test_a_failed_pipeline_says_what_its_log_says_without_the_secrets(service: ServiceProcess, tmp_path: Path) -> None:
    document = waiting_job(tmp_path)
    document["pipelineSpec"]["deploymentSpec"]["executors"]["exec-first"]["container"]["args"] = ["-c", LEAKY]
    with client_of(service, tmp_path) as client:
        job = ended(client, create(client, document))

    message = job["error"]["message"]
    assert "The failed tasks are: [first]. The program that runs the pipeline exited with code 1\n" in message
    assert "the password is ***" in message
    assert "S3CRET" not in json.dumps(job["error"])


def test_a_pipeline_that_runs_when_the_service_stops_is_run_again_by_the_next_service(tmp_path: Path) -> None:
    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service, client_of(service, tmp_path) as client:
        name = create(client, waiting_job(tmp_path))
        wait_until(lambda: words(tmp_path))
    # SIGINT, by which the tuning step leaves its job running: the next service continues that too.
    assert words(tmp_path) == ["start", "SIGINT"]
    (tmp_path / "go").touch()

    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service, client_of(service, tmp_path) as client:
        job = ended(client, name)

    assert job["state"] == "PIPELINE_STATE_SUCCEEDED"
    assert words(tmp_path) == ["start", "SIGINT", "start", "end"]


def test_a_pipeline_that_the_next_service_cannot_run_says_why(tmp_path: Path) -> None:
    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service, client_of(service, tmp_path) as client:
        name = create(client, waiting_job(tmp_path))
        wait_until(lambda: words(tmp_path))

    with start(tmp_path / "studies") as service, client_of(service, tmp_path) as client:
        job = ended(client, name)

    assert job["state"] == "PIPELINE_STATE_FAILED"
    assert "could not be started: this service runs no pipelines; `hydra-vertex serve`" in job["error"]["message"]


def test_a_pipeline_is_ended_by_a_cancellation_that_cannot_write_its_mark(
    service: ServiceProcess, tmp_path: Path
) -> None:
    with client_of(service, tmp_path) as client:
        name = create(client, waiting_job(tmp_path))
        wait_until(lambda: words(tmp_path))
        (tmp_path / "studies/jobs/1/run/cancel").symlink_to("no-such-folder/file")
        with contextlib.suppress(httpx.TransportError):  # An internal error closes the connection.
            assert client.http.post(f"{name}:cancel", json={}).status_code == 500
    with client_of(service, tmp_path) as client:
        job = ended(client, name)

    assert job["state"] == "PIPELINE_STATE_CANCELLED"
    assert len(words(tmp_path)) == 2


def test_a_pipeline_of_a_killed_service_goes_on_in_the_next_service(tmp_path: Path) -> None:
    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service, client_of(service, tmp_path) as client:
        name = create(client, waiting_job(tmp_path))
        wait_until(lambda: words(tmp_path))
        os.kill(service.pid, signal.SIGKILL)
    (_, step) = ledger(tmp_path)[0]
    assert is_running(step)

    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service, client_of(service, tmp_path) as client:
        assert client.get(name)["state"] == "PIPELINE_STATE_RUNNING"
        (tmp_path / "go").touch()
        job = ended(client, name)

    assert job["state"] == "PIPELINE_STATE_SUCCEEDED"
    assert words(tmp_path) == ["start", "end"]


def test_a_pipeline_has_nothing_of_another_one_of_the_same_id(service: ServiceProcess, tmp_path: Path) -> None:
    with client_of(service, tmp_path) as client:
        for _ in range(2):
            name = create(client, pipeline_job(mode="", number=1))
            ended(client, name)
            client.http.delete(name).raise_for_status()

    root = tmp_path / "studies" / "gcs" / "contract" / "runs"
    assert sorted(folder.name for folder in root.iterdir()) == ["a-run-1", "a-run-2"]


def test_an_id_is_used_once_in_a_location_and_made_when_none_is_given(service: ServiceProcess, tmp_path: Path) -> None:
    document = pipeline_job(mode="", number=1)
    with client_of(service, tmp_path) as client:
        name = create(client, document)
        again = client.http.post(f"{PARENT}/pipelineJobs?pipelineJobId=a-run", json=document)
        elsewhere = client.http.post("projects/p/locations/other/pipelineJobs?pipelineJobId=a-run", json=document)
        made = client.http.post(f"{PARENT}/pipelineJobs", json=document).json()["name"]
        for each in (name, elsewhere.json()["name"], made):
            ended(client, each)
            deleted = client.http.delete(each)
            assert deleted.status_code == 200
            assert client.http.get(deleted.json()["name"]).json()["done"] is True
            assert client.http.get(each).status_code == 404

    assert (again.status_code, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert made.rpartition("/")[2].startswith("p-contract-")


@pytest.mark.parametrize(
    ("query", "change", "field", "status"),
    [
        ("pipelineJobId=1x", {}, "pipelineJobId", "INVALID_ARGUMENT"),
        ("pipelineJobId=a-b_c", {}, "pipelineJobId", "INVALID_ARGUMENT"),
        ("", {"pipelineSpec": {}}, "pipelineSpec.pipelineInfo", "INVALID_ARGUMENT"),
        ("", {"pipelineSpec": {}, "templateUri": "https://x"}, "templateUri", "UNIMPLEMENTED"),
        ("", {"runtimeConfig": {"gcsOutputDirectory": "runs"}}, "runtimeConfig.gcsOutputDirectory", "INVALID_ARGUMENT"),
        (
            "",
            {"runtimeConfig": {"gcsOutputDirectory": "gs://b/../c", "parameterValues": {"mode": "", "number": 1}}},
            "runtimeConfig.gcsOutputDirectory",
            "INVALID_ARGUMENT",
        ),
        (
            "",
            {"runtimeConfig": {"gcsOutputDirectory": "gs://b", "inputArtifacts": {"a": {"artifactId": "1"}}}},
            "runtimeConfig.inputArtifacts",
            "UNIMPLEMENTED",
        ),
        (
            "",
            {"runtimeConfig": {"gcsOutputDirectory": "gs://b", "parameters": {"a": {"stringValue": "1"}}}},
            "runtimeConfig.parameters",
            "UNIMPLEMENTED",
        ),
        (
            "",
            {"runtimeConfig": {"gcsOutputDirectory": "gs://b", "parameterValues": {"more": 1}}},
            "runtimeConfig.parameterValues.more",
            "INVALID_ARGUMENT",
        ),
        ("", {"labels": {"Team": "x"}}, "labels.Team", "INVALID_ARGUMENT"),
        ("", {"displayNme": "x"}, "displayNme", "INVALID_ARGUMENT"),
    ],
)
def test_a_wrong_pipeline_job_is_refused_by_its_field(
    service_for_refusals: Client, query: str, change: Document, field: str, status: str
) -> None:
    document = {**pipeline_job(mode="", number=1), **change}

    answer = service_for_refusals.http.post(f"{PARENT}/pipelineJobs?{query}", json=document)

    assert answer.json()["error"]["status"] == status
    assert answer.json()["error"]["message"].startswith(f"{field}: ")
    assert service_for_refusals.http.get(f"{PARENT}/pipelineJobs").json() == {}


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ({"triggerPolicy": {"condition": "inputs.x == 1"}}, "triggerPolicy.condition: conditions (dsl.If)"),
        ({"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}, "exit handlers (dsl.ExitHandler)"),
        ({"parameterIterator": {"items": {"raw": "[1]"}}}, "parameterIterator: loops (dsl.ParallelFor)"),
        ({"artifactIterator": {"items": {"inputArtifact": "x"}}}, "artifactIterator: loops (dsl.ParallelFor)"),
    ],
)
def test_what_kfp_runs_differently_here_is_refused_by_its_task(
    service_for_refusals: Client, task: Document, names: str
) -> None:
    document = json.loads(json.dumps(pipeline_job(mode="", number=1)))
    document["pipelineSpec"]["root"]["dag"]["tasks"]["second"] |= task

    answer = service_for_refusals.http.post(f"{PARENT}/pipelineJobs", json=document)

    assert answer.status_code == 501
    message = answer.json()["error"]["message"]
    assert message.startswith("pipelineSpec.root.dag.tasks.second.")
    assert names in message


@pytest.fixture(scope="module")
def service_for_refusals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("refusals")
    with start(folder / "studies", *PIPELINE_RUNNER) as service, client_of(service, folder) as client:
        yield client


def test_fields_without_effect_are_logged(tmp_path: Path) -> None:
    document = {**pipeline_job(mode="", number=1), "serviceAccount": "a@p", "network": "projects/1/global/networks/n"}
    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service, client_of(service, tmp_path) as client:
        ended(client, create(client, document))

    log = (tmp_path / "studies.log").read_text()
    assert "network" in log
    assert "serviceAccount" in log


def test_a_service_without_a_program_for_pipelines_refuses_them(client: Client) -> None:
    answer = client.http.post(f"{PARENT}/pipelineJobs", json=pipeline_job(mode="", number=1))

    assert answer.status_code == 501
    assert "`hydra-vertex serve` starts one that does" in answer.json()["error"]["message"]


def test_the_only_order_of_a_list_is_newest_first(service_for_refusals: Client) -> None:
    pages = f"{PARENT}/pipelineJobs?orderBy="
    assert service_for_refusals.http.get(f"{pages}create_time desc").status_code == 200
    refused = service_for_refusals.http.get(f"{pages}display_name")
    assert refused.json()["error"]["message"].startswith("orderBy: expected create_time desc")


def test_a_question_about_a_bucket_says_that_there_is_none(service_for_refusals: Client) -> None:
    host = str(service_for_refusals.http.base_url).removesuffix("/v1/")
    answer = service_for_refusals.http.get(f"{host}/storage/v1/b/runs?projection=noAcl")

    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith("gs://runs is a folder of this service")
