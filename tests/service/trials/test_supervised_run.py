"""Trials whose supervisor is stopped or killed, or whose exit.json is forged."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.service.devices.resource_options import ResourceOptions
from service.harness import (
    Client,
    is_running,
    job_document,
    parent_of,
    pid_of,
    release,
    serving,
    started,
    wait_until,
)

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the test is about this path


def state(client: Client, name: str) -> str:
    trials = client.get(name).get("trials", [])
    return str(trials[0]["state"]) if trials else ""


def test_a_trial_that_stops_its_supervisor_is_ended_at_its_time_limit(client: Client, app: Path) -> None:
    job = client.run(job_document(app, "stop-supervisor", timeout="1s"))
    (trial,) = job["trials"]
    assert "ran past its limit of 1 s" in trial["infeasibleReason"]
    assert [m["metrics"][0]["value"] for m in trial["measurements"]] == [7.0]
    assert not is_running(pid_of(app, "1"))


def test_a_trial_that_stops_its_supervisor_is_ended_when_its_job_is_cancelled(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "stop-supervisor"))
    wait_until(lambda: started(app))
    client.cancel(name)
    assert client.finished(name)["state"] == "JOB_STATE_CANCELLED"
    assert not is_running(pid_of(app, "1"))


def test_a_forged_exit_json_is_ignored(client: Client, app: Path) -> None:
    job = client.run(job_document(app, "forge-exit"))
    (trial,) = job["trials"]
    assert trial["state"] == "INFEASIBLE"
    assert trial["infeasibleReason"] == "its supervisor process was killed 6 times"
    assert len(started(app)) == 6
    assert not any(is_running(pid) for pid in {pid_of(app, "1")})


def test_a_trial_that_has_exited_is_not_run_again_when_its_supervisor_is_killed(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "gated"))
    wait_until(lambda: state(client, name) == "ACTIVE" and started(app))
    pid = pid_of(app, "1")
    supervisor = parent_of(pid)
    os.kill(supervisor, signal.SIGSTOP)
    release(app, "1")
    wait_until(lambda: not is_running(pid))
    os.kill(supervisor, signal.SIGKILL)
    job = client.finished(name)
    assert job["trials"][0]["state"] == "SUCCEEDED"
    assert started(app) == ["1"]


def test_a_trial_that_ends_while_no_service_runs_is_not_run_again(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated"))
        wait_until(lambda: state(client, name) == "ACTIVE" and started(app))
        os.kill(client.service_pid, signal.SIGKILL)
    supervisor = parent_of(pid_of(app, "1"))
    release(app, "1")
    wait_until(lambda: not is_running(supervisor))
    with serving(studies) as client:
        assert client.finished(name)["trials"][0]["state"] == "SUCCEEDED"
    assert started(app) == ["1"]


def test_the_end_of_a_trial_is_read_again_when_the_database_lost_its_start(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated"))
        wait_until(lambda: state(client, name) == "ACTIVE" and started(app))
        release(app, "1")
        done = client.finished(name)["trials"][0]
    forget_the_end(studies)
    with serving(studies) as client:
        found = client.finished(name)["trials"][0]
    assert found["finalMeasurement"]["metrics"] == done["finalMeasurement"]["metrics"]
    assert started(app) == ["1"]


def forget_the_end(studies: Path) -> None:
    """Reset the records to their state before the trial was started, as in an older copy of the database."""
    database = sqlite3.connect(studies / "service.db")
    (job,) = database.execute("SELECT document FROM jobs").fetchone()
    (trial,) = database.execute("SELECT document FROM trials").fetchone()
    unfinished = {k: v for k, v in json.loads(job).items() if k != "endTime"} | {"state": "JOB_STATE_RUNNING"}
    kept = {k: v for k, v in json.loads(trial).items() if k in {"id", "name", "parameters", "customJob"}}
    database.execute("UPDATE jobs SET document = ?", (json.dumps(unfinished),))
    database.execute("UPDATE trials SET document = ?", (json.dumps({**kept, "state": "REQUESTED"}),))
    database.commit()
    database.close()


def test_a_command_longer_than_the_buffer_of_a_pipe_reaches_the_app(client: Client, app: Path) -> None:
    document = job_document(app, "who")
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container["args"] += ["x" * 100_000, "y" * 100_000]
    job = client.run(document)
    assert job["trials"][0]["state"] == "SUCCEEDED"
    log = client.studies / "jobs" / job["name"].rpartition("/")[2] / "trials/1/log.txt"
    arguments = json.loads(log.read_text())["arguments"]
    assert [len(argument) for argument in arguments[:2]] == [100_000, 100_000]


@pytest.fixture
def shared_memory(app: Path) -> Iterator[None]:
    """Remove the files of the test from /dev/shm afterwards."""
    if not SHARED_MEMORY.is_dir():
        pytest.skip(f"this machine has no {SHARED_MEMORY}")
    yield
    for file in SHARED_MEMORY.glob(f"{app.name}-*"):
        file.unlink()


@pytest.mark.usefixtures("shared_memory")
@pytest.mark.parametrize("is_cancelled", [True, False], ids=["cancelled", "at its time limit"])
def test_a_trial_that_fills_shared_memory_is_ended(studies: Path, app: Path, is_cancelled: bool) -> None:
    limits = {} if is_cancelled else {"timeout": "1s"}
    with serving(studies, ResourceOptions(memory_bytes=32 << 20)) as client:
        name = client.create(job_document(app, "fill-shared-memory", **limits))
        wait_until(lambda: started(app))
        if is_cancelled:
            client.cancel(name)
        assert client.finished(name)["state"] == ("JOB_STATE_CANCELLED" if is_cancelled else "JOB_STATE_FAILED")
    assert not is_running(pid_of(app, "1"))
