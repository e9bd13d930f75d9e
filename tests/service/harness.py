"""Helpers that start a service and send it requests over HTTP; its trials run the fake app."""

from __future__ import annotations

import copy
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from hydra_vertex.service.devices.resource_options import DEFAULT_RESOURCES, ResourceOptions
from hydra_vertex.service.start import ServiceProcess, start_service

T = TypeVar("T")
WAIT_LIMIT_S = 20.0
PARENT = "projects/p/locations/l"
FAKE_APP = Path(__file__).with_name("fake_app.py")
PIPELINE_RUNNER = ("--pipeline-runner", "hydra_vertex.pipelines.local.job_runner")
X = {"parameterId": "x", "doubleValueSpec": {"minValue": 0.5, "maxValue": 2.0}}

Document = dict[str, Any]


def wait_until(condition: Callable[[], T], limit_s: float = WAIT_LIMIT_S) -> T:
    """Return the condition's value once it is true; fail after `limit_s`."""
    give_up = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < give_up, f"the condition was not true within {limit_s} s"
        time.sleep(0.01)
    return value


def job_document(folder: Path, behaviour: str, *, trials: int = 1, parallel: int = 1, **changes: Any) -> Document:
    """A job whose trials run the fake app. `changes` replace top-level fields, except `timeout`, `env` and `output`."""
    folder.mkdir(exist_ok=True)
    container: Document = {
        "imageUri": "local",
        "command": [sys.executable, "-I", "-S", str(FAKE_APP)],
        "args": [str(folder), behaviour],
    }
    if "env" in changes:
        container["env"] = [{"name": name, "value": value} for name, value in changes.pop("env").items()]
    trial_job: Document = {"workerPoolSpecs": [{"machineSpec": {"machineType": "local"}, "containerSpec": container}]}
    if "timeout" in changes:
        trial_job["scheduling"] = {"timeout": changes.pop("timeout")}
    if "output" in changes:
        trial_job["baseOutputDirectory"] = {"outputUriPrefix": changes.pop("output")}
    return {
        "displayName": "a study",
        "maxTrialCount": trials,
        "parallelTrialCount": parallel,
        "studySpec": {"metrics": [{"metricId": "loss", "goal": "MINIMIZE"}], "parameters": [copy.deepcopy(X)]},
        "trialJobSpec": trial_job,
        **changes,
    }


class Client:
    """Requests to one service. Each method fails on any status but 200; `http` sends requests without that check."""

    def __init__(self, url: str, studies: Path, pid: int) -> None:
        self.studies = studies
        self.service_pid = pid
        self.http = httpx.Client(base_url=f"{url}/v1/", trust_env=False, timeout=10)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def create(self, document: Document) -> str:
        """Create a job and return its name."""
        name: str = self._ok(self.http.post(f"{PARENT}/hyperparameterTuningJobs", json=document))["name"]
        return name

    def get(self, name: str) -> Document:
        """Return the document of a job."""
        return self._ok(self.http.get(name))

    def cancel(self, name: str) -> None:
        """Cancel a job."""
        self._ok(self.http.post(f"{name}:cancel", json={}))

    def finished(self, name: str) -> Document:
        """Wait for the end of a job and return its document."""
        terminal = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}
        return wait_until(lambda: job if (job := self.get(name))["state"] in terminal else None)

    def run(self, document: Document) -> Document:
        """Create a job, wait for its end and return its document."""
        return self.finished(self.create(document))

    @staticmethod
    def _ok(response: httpx.Response) -> Document:
        assert response.status_code == 200, response.text
        answer: Document = response.json()
        return answer


def start(
    folder: Path, *options: str, resources: ResourceOptions = DEFAULT_RESOURCES, log: Path | None = None
) -> ServiceProcess:
    """Start a service on a folder. A `log` of None means a file beside the folder."""
    return start_service(folder, log or folder.parent / f"{folder.name}.log", WAIT_LIMIT_S, options, resources)


@contextmanager
def serving(folder: Path, resources: ResourceOptions = DEFAULT_RESOURCES, log: Path | None = None) -> Iterator[Client]:
    """Start a service on a folder, yield a client for it, and stop the service at the end."""
    with start(folder, resources=resources, log=log) as service, Client(service.url, folder, service.pid) as client:
        yield client


def events(folder: Path) -> list[tuple[str, str, int]]:
    """Return the entries of the fake app's ledger: (start or end, trial id, pid)."""
    ledger = folder / "ledger"
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return [(event, trial, int(pid)) for event, trial, pid in map(str.split, lines)]


def started(folder: Path) -> list[str]:
    """Return the ids of the started trials, in order."""
    return [trial for event, trial, _ in events(folder) if event == "start"]


def pid_of(folder: Path, trial: str) -> int:
    """Return the pid of the last start of a trial."""
    return [pid for event, other, pid in events(folder) if event == "start" and other == trial][-1]


def release(folder: Path, *trials: str) -> None:
    """Let gated trials continue."""
    for trial in trials:
        (folder / f"go-{trial}").touch()


def is_running(pid: int) -> bool:
    """Whether a process runs; False for a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in {b"Z", b"X"}


def parent_of(pid: int) -> int:
    """Return the pid of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


def kill_service(client: Client) -> None:
    """Kill the service of a client with SIGKILL, and wait for its end."""
    os.kill(client.service_pid, signal.SIGKILL)
    wait_until(lambda: not is_running(client.service_pid))
