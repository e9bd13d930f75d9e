"""A temporary shortage of file descriptors: trials and custom jobs wait, and none of them fails."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.engine.test_custom_jobs import WAIT, create, custom_job, script
from service.harness import PARENT, Client, is_running, job_document, pid_of, release, serving, started, wait_until

if not hasattr(resource, "prlimit"):
    pytest.skip("only Linux can change the file limits of a running process", allow_module_level=True)


@contextmanager
def no_free_descriptor(client: Client) -> Iterator[None]:
    """Let the service open no file. The client's connection stays open, and the modules of a request are loaded."""
    client.http.post(f"{PARENT}/customJobs", json={})
    limit, pid = resource.RLIMIT_NOFILE, client.service_pid
    before = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (0, before[1]))
    try:
        yield
    finally:
        if is_running(pid):
            resource.prlimit(pid, limit, before)


def states(client: Client, name: str) -> list[str]:
    return [trial["state"] for trial in client.get(name).get("trials", [])]


def log_of(client: Client) -> str:
    return client.studies.with_name(f"{client.studies.name}.log").read_text()


def test_trials_start_when_descriptors_are_free(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated", trials=6, parallel=3))
        wait_until(lambda: len(started(app)) == 3)
        with no_free_descriptor(client):
            release(app, *"123456")
            wait_until(lambda: "Too many open files" in log_of(client))
            assert "INFEASIBLE" not in states(client, name)
            assert len(started(app)) == 3
        job = client.finished(name)
    assert [trial["state"] for trial in job["trials"]] == ["SUCCEEDED"] * 6
    assert sorted(started(app)) == list("123456")
    assert "Traceback" not in log_of(client)


def test_the_results_of_ended_trials_are_read_when_descriptors_are_free(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "measure-then-gated", trials=3, parallel=3))
        wait_until(lambda: states(client, name) == ["ACTIVE"] * 3 and len(started(app)) == 3)
        pids = [pid_of(app, trial) for trial in "123"]
        with no_free_descriptor(client):
            release(app, "1", "2", "3")
            wait_until(lambda: not any(map(is_running, pids)))
            wait_until(lambda: "Too many open files" in log_of(client))
            assert states(client, name) == ["ACTIVE"] * 3
        job = client.finished(name)
    assert [trial["state"] for trial in job["trials"]] == ["SUCCEEDED"] * 3
    assert [[m["metrics"][0]["value"] for m in trial["measurements"]] for trial in job["trials"]] == [[7.0, 8.0]] * 3
    assert sorted(started(app)) == ["1", "2", "3"]


def test_a_running_trial_stays_active_while_its_files_cannot_be_read(studies: Path, app: Path) -> None:
    with serving(studies) as first:
        name = first.create(job_document(app, "gated"))
        wait_until(lambda: states(first, name) == ["ACTIVE"] and started(app))
        os.kill(first.service_pid, 9)
    with serving(studies) as client, no_free_descriptor(client):
        assert states(client, name) == ["ACTIVE"]
        assert started(app) == ["1"]
    assert started(app) == ["1"]


def test_a_custom_job_waits_for_descriptors(studies: Path, tmp_path: Path) -> None:
    with serving(studies) as client:
        with no_free_descriptor(client):
            command = script(f"import os\n{WAIT}", str(tmp_path / "go"))
            name = create(client, custom_job(*command))["name"]
            wait_until(lambda: "Too many open files" in log_of(client))
        (tmp_path / "go").touch()
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_request_that_needs_a_descriptor_can_be_sent_again(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        client.http.get("operations")
        limit, pid = resource.RLIMIT_NOFILE, client.service_pid
        before = resource.prlimit(pid, limit)
        resource.prlimit(pid, limit, (0, before[1]))
        answer = client.http.post(f"{PARENT}/hyperparameterTuningJobs", json=job_document(app, "report"))
        resource.prlimit(pid, limit, before)
        # A connection that was accepted before needs no descriptor.
        assert answer.status_code in {200, 503}
        assert client.run(job_document(app, "report"))["state"] == "JOB_STATE_SUCCEEDED"
    assert "Traceback" not in log_of(client)
