"""Recovery after the end of the service, of a supervisor, or of the program that started the service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from hydra_vertex.service.devices.resource_options import ResourceOptions
from service.harness import (
    Client,
    is_running,
    job_document,
    kill_service,
    parent_of,
    pid_of,
    release,
    serving,
    started,
    wait_until,
)


def test_the_next_service_resumes_everything_of_a_killed_one(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated", trials=6, parallel=2))
        release(app, "1", "2")
        wait_until(lambda: sorted(started(app)) == ["1", "2", "3", "4"])
        wait_until(lambda: len(client.get(name)["trials"]) == 4)
        before = client.get(name)["trials"]
        kill_service(client)
    release(app, "3")
    finished_meanwhile, still_running = pid_of(app, "3"), pid_of(app, "4")
    wait_until(lambda: not is_running(finished_meanwhile))
    assert is_running(still_running)

    with serving(studies) as client:
        wait_until(lambda: "5" in started(app))
        after = client.get(name)["trials"]
        assert after[:2] == before[:2]
        assert after[2]["state"] == "SUCCEEDED"
        assert after[3]["state"] == "ACTIVE"
        assert pid_of(app, "4") == still_running
        release(app, "4", "5", "6")
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"
    assert sorted(started(app)) == ["1", "2", "3", "4", "5", "6"]


def test_a_trial_whose_supervisor_is_killed_runs_again_under_the_same_id(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated"))
        wait_until(lambda: started(app) == ["1"])
        first = pid_of(app, "1")
        parameters = client.get(name)["trials"][0]["parameters"]
        os.kill(parent_of(first), signal.SIGKILL)
        wait_until(lambda: started(app) == ["1", "1"])
        assert not is_running(first)
        release(app, "1")
        (trial,) = client.finished(name)["trials"]
        assert (trial["state"], trial["parameters"]) == ("SUCCEEDED", parameters)


def test_measurements_of_a_lost_attempt_are_kept_until_the_next_one_reports_the_same_steps(
    studies: Path, app: Path
) -> None:
    def values() -> list[float]:
        trials = client.get(name).get("trials", [{}])
        return [m["metrics"][0]["value"] for m in trials[0].get("measurements", [])]

    with serving(studies) as client:
        name = client.create(job_document(app, "measure-less-each-time"))
        wait_until(lambda: values() == [1.0, 2.0, 3.0, 4.0])
        os.kill(parent_of(pid_of(app, "1")), signal.SIGKILL)
        wait_until(lambda: values() == [4.0, 11.0, 12.0, 13.0])
        os.kill(parent_of(pid_of(app, "1")), signal.SIGKILL)
        wait_until(lambda: values() == [4.0, 13.0, 21.0, 22.0])
    with serving(studies) as client:
        # The stop of the service ended the trial; its fourth start reports only once.
        wait_until(lambda: values() == [4.0, 13.0, 22.0, 31.0])
        (app / "go-1-3").touch()
        (trial,) = client.finished(name)["trials"]
        assert trial["finalMeasurement"]["metrics"][0]["value"] == 31.0
        assert values() == [4.0, 13.0, 22.0, 31.0]


def test_measurements_of_a_requeued_trial_are_kept_when_it_is_cancelled(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "measure-and-wait", trials=2, parallel=2))
        wait_until(lambda: [len(t.get("measurements", [])) for t in client.get(name).get("trials", [])] == [1, 2])
        before = [trial["measurements"] for trial in client.get(name)["trials"]]
    with serving(studies, ResourceOptions(max_parallel=1)) as client:
        wait_until(lambda: len(started(app)) == 3)
        client.cancel(name)
        trials = client.finished(name)["trials"]
        (waiting,) = [trial for trial in trials if "startTime" not in trial]
        assert waiting["measurements"] == before[int(waiting["id"]) - 1]


def test_a_trial_that_was_lost_with_the_service_runs_again_after_the_restart(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated"))
        wait_until(lambda: started(app) == ["1"])
        kill_service(client)
    first = pid_of(app, "1")
    os.kill(parent_of(first), signal.SIGKILL)
    with serving(studies) as client:
        wait_until(lambda: started(app) == ["1", "1"])
        assert not is_running(first)
        release(app, "1")
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_stopped_service_leaves_no_process_and_the_next_one_resumes_its_jobs(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated", trials=3, parallel=2))
        release(app, "1")
        wait_until(lambda: sorted(started(app)) == ["1", "2", "3"])
        pids = [pid_of(app, "2"), pid_of(app, "3")]
        supervisors = [parent_of(pid) for pid in pids]
    assert not any(is_running(pid) for pid in [*pids, *supervisors])
    assert not (studies / "service.json").exists()

    with serving(studies) as client:
        wait_until(lambda: sorted(started(app)[3:]) == ["2", "3"])
        job = client.get(name)
        assert job["state"] == "JOB_STATE_RUNNING"
        assert job["trials"][0]["state"] == "SUCCEEDED"
        release(app, "2", "3")
        assert client.finished(name)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_cancelled_job_whose_service_is_killed_is_cancelled_by_the_next_one(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated-stubborn"))
        wait_until(lambda: started(app) == ["1"])
        client.cancel(name)
        assert client.get(name)["state"] == "JOB_STATE_CANCELLING"
        kill_service(client)
    release(app, "1")
    with serving(studies) as client:
        assert client.finished(name)["state"] == "JOB_STATE_CANCELLED"
    assert not is_running(pid_of(app, "1"))


STARTER = """
import sys
from pathlib import Path
from hydra_vertex.service.start import start_service
service = start_service(Path(sys.argv[1]), Path(sys.argv[2]), 20)
print(service.url, service.pid, flush=True)
sys.stdin.read()
"""


def test_the_service_and_its_trials_end_with_the_program_that_started_it(
    studies: Path, app: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", STARTER, str(studies), str(tmp_path / "log")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        url, pid = starter.stdout.readline().split()
        with Client(url, studies, int(pid)) as client:
            client.create(job_document(app, "gated"))
            wait_until(lambda: started(app) == ["1"])
            starter.kill()
            wait_until(lambda: not is_running(int(pid)))
            assert not is_running(pid_of(app, "1"))


def test_a_job_id_is_never_used_twice(studies: Path, app: Path) -> None:
    with serving(studies) as client:
        job = client.run(job_document(app, "report"))
        assert client.http.delete(job["name"]).status_code == 200
    with serving(studies) as client:
        assert client.create(job_document(app, "report")) != job["name"]
