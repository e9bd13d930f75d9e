"""Custom jobs: states, failures, cancellation, restarts of the service, and the CustomJobs of trials."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from hydra_vertex.service.devices.cpus import usable_cpus
from service.harness import (
    PARENT,
    Client,
    Document,
    is_running,
    job_document,
    release,
    serving,
    start,
    started,
    wait_until,
)

CUSTOM_JOBS = f"{PARENT}/customJobs"
WAIT = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)"


def custom_job(*command: str, **changes: object) -> Document:
    pool = {
        "machineSpec": {"machineType": "local"},
        "containerSpec": {"imageUri": "local", "command": list(command)},
    }
    return {"displayName": "a job", "jobSpec": {"workerPoolSpecs": [pool], **changes}}


def script(text: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", text, *arguments)


def create(client: Client, document: Document) -> Document:
    answer = client.http.post(CUSTOM_JOBS, json=document)
    assert answer.status_code == 200, answer.text
    created: Document = answer.json()
    return created


def pid_in(client: Client, name: str) -> int:
    log = client.studies / "jobs" / name.rpartition("/")[2] / "run" / "log.txt"
    return int(wait_until(lambda: log.exists() and log.read_text().strip()))


def test_a_custom_job_is_pending_then_running_then_succeeded(client: Client, tmp_path: Path) -> None:
    created = create(client, custom_job(*script(WAIT, str(tmp_path / "go"))) | {"labels": {"team": "a"}})
    assert (created["state"], created["labels"]) == ("JOB_STATE_PENDING", {"team": "a"})
    name = created["name"]
    assert wait_until(lambda: job if (job := client.get(name))["state"] == "JOB_STATE_RUNNING" else None)["startTime"]
    (tmp_path / "go").touch()
    job = client.finished(name)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert created["createTime"] <= job["startTime"] <= job["endTime"] == job["updateTime"]
    assert "error" not in job


def test_a_custom_job_has_output_folders_and_no_trial_id(client: Client, tmp_path: Path) -> None:
    text = "import os\nfor name in sorted(os.environ): print(name, os.environ[name])"
    document = custom_job(*script(text), baseOutputDirectory={"outputUriPrefix": "gs://bucket/runs"})
    name = create(client, document)["name"]
    client.finished(name)
    log = client.studies / "jobs" / name.rpartition("/")[2] / "run" / "log.txt"
    environ = dict(line.split(" ", 1) for line in log.read_text().splitlines())
    assert environ["AIP_MODEL_DIR"] == f"{client.studies.resolve()}/gcs/bucket/runs/model/"
    assert Path(environ["AIP_CHECKPOINT_DIR"]).is_dir()
    assert environ["CLOUD_ML_JOB_ID"] == name.rpartition("/")[2]
    assert "CLOUD_ML_TRIAL_ID" not in environ


@pytest.mark.parametrize(
    ("command", "timeout", "words"),
    [
        (script("print('boom'); raise SystemExit(3)"), "60s", "exited with code 3\nboom"),
        (script("import time; time.sleep(60)"), "0.2s", "ran past its limit of 0.2 s"),
        (("/no/such/program",), "60s", "could not be started"),
    ],
)
def test_the_error_of_a_failed_custom_job_states_the_reason(
    client: Client, command: tuple[str, ...], timeout: str, words: str
) -> None:
    job = client.finished(create(client, custom_job(*command, scheduling={"timeout": timeout}))["name"])
    assert job["state"] == "JOB_STATE_FAILED"
    assert job["error"]["code"] == 3
    assert words in job["error"]["message"]


def test_custom_jobs_share_the_cpus_as_trials_do(client: Client, tmp_path: Path) -> None:
    text = f"import os\nprint(os.environ['OMP_NUM_THREADS'], flush=True)\n{WAIT}"
    names = [create(client, custom_job(*script(text, str(tmp_path / "go"))))["name"] for _ in range(2)]
    last = client.studies / "jobs" / names[-1].rpartition("/")[2] / "run" / "log.txt"
    threads = wait_until(lambda: last.exists() and last.read_text().strip())
    (tmp_path / "go").touch()
    for name in names:
        client.finished(name)
    assert threads == str(max(1, usable_cpus() // 2))


def test_a_cancelled_job_is_ended_and_can_then_be_deleted(client: Client) -> None:
    name = create(client, custom_job(*script("import os, time; print(os.getpid(), flush=True); time.sleep(60)")))[
        "name"
    ]
    pid = pid_in(client, name)
    assert client.http.delete(name).json()["error"]["status"] == "FAILED_PRECONDITION"
    client.cancel(name)
    client.cancel(name)
    job = client.finished(name)
    assert (job["state"], job["error"]) == ("JOB_STATE_CANCELLED", {"code": 1, "message": "CANCELED"})
    assert not is_running(pid)
    operation = client.http.delete(name).json()
    assert client.get(operation["name"]) == operation
    assert client.http.get(name).status_code == 404
    assert client.http.get(operation["name"] + "9").status_code == 404


def test_custom_jobs_and_tuning_jobs_are_found_and_listed_separately(client: Client, app: Path) -> None:
    custom = create(client, custom_job(*script("")))["name"]
    tuning = client.create(job_document(app, "report"))
    assert client.http.get(custom.replace("customJobs", "hyperparameterTuningJobs")).status_code == 404
    assert client.http.get(tuning.replace("hyperparameterTuningJobs", "customJobs")).status_code == 404
    listed = client.get(CUSTOM_JOBS)["customJobs"]
    assert custom in [job["name"] for job in listed]
    assert tuning not in [job["name"] for job in listed]
    client.finished(tuning)


def test_a_custom_job_continues_after_its_service_is_killed(studies: Path, tmp_path: Path) -> None:
    text = "import os; print(os.getpid(), flush=True)\n" + WAIT
    with serving(studies) as client:
        name = create(client, custom_job(*script(text, str(tmp_path / "go"))))["name"]
        pid = pid_in(client, name)
        os.kill(client.service_pid, signal.SIGKILL)
    assert is_running(pid)
    with serving(studies) as client:
        assert client.get(name)["state"] == "JOB_STATE_RUNNING"
        (tmp_path / "go").touch()
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"
    log = studies / "jobs" / name.rpartition("/")[2] / "run" / "log.txt"
    assert log.read_text().split() == [str(pid)]


def test_a_custom_job_ended_by_the_services_stop_runs_again(studies: Path, tmp_path: Path) -> None:
    with serving(studies) as client:
        name = create(
            client, custom_job(*script("import os; print(os.getpid(), flush=True)\n" + WAIT, str(tmp_path / "go")))
        )["name"]
        pid = pid_in(client, name)
    assert not is_running(pid)
    (tmp_path / "go").touch()
    with start(studies) as service, Client(service.url, studies, service.pid) as client:
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_trial_has_a_custom_job_with_its_command_line(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "gated", trials=1, labels={"team": "a"}))
    wait_until(lambda: started(app))
    trial = client.get(name)["trials"][0]
    custom = client.get(trial["customJob"])
    assert custom["name"] == trial["customJob"] == f"{PARENT}/customJobs/{name.rpartition('/')[2]}-1"
    assert (custom["state"], custom["labels"]) == ("JOB_STATE_RUNNING", {"team": "a"})
    arguments = custom["jobSpec"]["workerPoolSpecs"][0]["containerSpec"]["args"]
    assert arguments[-1] == f"--x={trial['parameters'][0]['value']}"
    for answer in (client.http.post(f"{custom['name']}:cancel"), client.http.delete(custom["name"])):
        assert f"is a trial of {name}" in answer.json()["error"]["message"]
    release(app, "1")
    client.finished(name)
    ended = client.get(trial["customJob"])
    assert ended["state"] == "JOB_STATE_SUCCEEDED"
    assert ended["endTime"] == client.get(name)["trials"][0]["endTime"]
    assert client.http.get(f"{trial['customJob']}9").status_code == 404


def test_further_metrics_of_a_study_are_recorded_with_the_optimised_one(client: Client, app: Path) -> None:
    document = job_document(app, "two-metrics")
    document["studySpec"]["metrics"].append({"metricId": "accuracy", "goal": "MAXIMIZE"})
    trial = client.run(document)["trials"][0]
    assert [{m["metricId"]: m["value"] for m in each["metrics"]} for each in trial["measurements"]] == [
        {"loss": 3.0, "accuracy": 0.5},
        {"loss": 2.0},
    ]
    final = {metric["metricId"]: metric["value"] for metric in trial["finalMeasurement"]["metrics"]}
    assert final == {"loss": 2.0, "accuracy": 0.5}
