"""A disk that is temporarily full: the study waits, and nothing that happens meanwhile is lost.

The full disk is simulated by the limit on file sizes of a running process: writes beyond it fail with EFBIG.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.engine.test_custom_jobs import WAIT, create, custom_job, pid_in, script
from service.harness import (
    PARENT,
    Client,
    Document,
    is_running,
    job_document,
    parent_of,
    pid_of,
    release,
    serving,
    started,
    wait_until,
)

if not hasattr(resource, "prlimit"):
    pytest.skip("only Linux can change the file limits of a running process", allow_module_level=True)

LOG_ONLY_BYTES = 16 << 10
"""A limit between the size of the service's log and that of its database."""


@contextmanager
def full_disk(pid: int, limit_bytes: int) -> Iterator[None]:
    """Let a process write no file beyond `limit_bytes`."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        if is_running(pid):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def states(client: Client, name: str) -> list[str]:
    return [trial["state"] for trial in client.get(name)["trials"]]


def log_of(client: Client) -> str:
    return client.studies.with_name(f"{client.studies.name}.log").read_text()


def test_a_study_waits_for_space_and_records_what_ended_meanwhile(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "measure-then-gated", trials=5, parallel=2))
        wait_until(lambda: sorted(started(app)) == ["1", "2"] and states(client, name) == ["ACTIVE"] * 2)
        pids = [pid_of(app, "1"), pid_of(app, "2")]
        with full_disk(client.service_pid, LOG_ONLY_BYTES):
            release(app, "1", "2", "3", "4")
            wait_until(lambda: not any(map(is_running, pids)))
            wait_until(lambda: "cannot be written" in log_of(client))
            assert states(client, name) == ["ACTIVE"] * 2
            assert_unavailable(client, name, job_document(app, "report"))
        wait_until(lambda: len(started(app)) == 5)
        assert states(client, name) == ["SUCCEEDED"] * 4 + ["ACTIVE"]
        release(app, "5")
        job = client.finished(name)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert all([m["metrics"][0]["value"] for m in trial["measurements"]] == [7.0, 8.0] for trial in job["trials"])
    assert sorted(started(app)) == ["1", "2", "3", "4", "5"]
    assert log_of(client).count("cannot be written") == log_of(client).count("writing is possible again") == 1
    assert "Traceback" not in log_of(client)


def assert_unavailable(client: Client, name: str, document: Document) -> None:
    for path, body in ((f"{PARENT}/hyperparameterTuningJobs", document), (f"{name}:cancel", {})):
        answer = client.http.post(path, json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["status"]) == (503, "UNAVAILABLE")
        assert "service.db cannot be written" in error["message"]
    assert client.get(name)["state"] == "JOB_STATE_RUNNING"


def test_the_next_service_resumes_a_study_whose_service_stopped_on_a_full_disk(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated", trials=3, parallel=2))
        wait_until(lambda: len(started(app)) == 2)
        ended = pid_of(app, "1")
        with full_disk(client.service_pid, LOG_ONLY_BYTES):
            release(app, "1")
            wait_until(lambda: not is_running(ended))
            wait_until(lambda: "cannot be written" in log_of(client))
            client.http.close()
            stop(client.service_pid)
    assert "Traceback" not in log_of(client)
    release(app, "2", "3")
    with serving(studies) as client:
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"
    assert started(app).count("1") == 1


def test_the_end_of_a_custom_job_is_recorded_when_there_is_space(studies: Path, tmp_path: Path) -> None:
    with serving(studies) as client:
        command = script(f"import os\nprint(os.getpid(), flush=True)\n{WAIT}", str(tmp_path / "go"))
        name = create(client, custom_job(*command))["name"]
        pid = pid_in(client, name)
        with full_disk(client.service_pid, 0):
            (tmp_path / "go").touch()
            wait_until(lambda: not is_running(pid))
            assert client.http.post(f"{name}:cancel", json={}).status_code == 503
            assert client.get(name)["state"] == "JOB_STATE_RUNNING"
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_running(pid))


def test_a_supervisor_writes_the_exit_status_of_its_trial_when_there_is_space(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "measure-then-gated"))
        wait_until(lambda: started(app) == ["1"])
        trial = pid_of(app, "1")
        supervisor = parent_of(trial)
        with full_disk(supervisor, 0):
            release(app, "1")
            wait_until(lambda: not is_running(trial))
            assert is_running(supervisor)
            assert states(client, name) == ["ACTIVE"]
        assert client.finished(name)["trials"][0]["state"] == "SUCCEEDED"
    assert started(app) == ["1"]


def test_a_study_on_a_small_full_disk_continues_when_there_is_space(tmp_path: Path) -> None:
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine has no user namespaces, in which a small disk could be mounted")
    command = [*unshare, sys.executable, "-m", "service.small_disk", str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == ["JOB_STATE_SUCCEEDED", ["1", "2", "3", "4"], ["SUCCEEDED"] * 4]
