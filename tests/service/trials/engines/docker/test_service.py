"""A service whose trials are containers, which is killed with SIGKILL while they run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest

from hydra_vertex.service.start import ServiceProcess
from service.harness import Client, Document, X, start, wait_until
from service.trials.engines.docker.containers import IMAGE, docker

pytestmark = pytest.mark.docker

LIMIT_S = 240.0
SEEDS = int(os.environ.get("KILL_SEEDS", "1"))
KILLS = 5
SETTINGS = {"network": "none", "pull": "never"}
OPTIONS = ("--engine=docker", f"--engine-settings={json.dumps(SETTINGS)}")

APP = """
import json, os, sys, time
trial = os.environ["CLOUD_ML_TRIAL_ID"]
folder = os.environ["AIP_MODEL_DIR"].replace("gs://", "/gcs/")
with open(folder + "starts", "a") as file:
    file.write("start\\n")
x = float(sys.argv[-1].partition("=")[2])
for step in range(1, 6):
    time.sleep(0.4)
    with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "a") as file:
        record = {"timestamp": time.time(), "trial": trial, "loss": str(x + 1 / step), "global_step": str(step)}
        file.write(json.dumps(record | {"checkpoint_path": ""}) + "\\n")
print("ended", flush=True)
"""


def job_of(trials: int, parallel: int, code: str = APP) -> Document:
    container = {"imageUri": IMAGE, "command": ["python3", "-u", "-c"], "args": [code]}
    pool = {"machineSpec": {"machineType": "n1-standard-4"}, "containerSpec": container}
    return {
        "displayName": "a study",
        "labels": {"test": uuid.uuid4().hex},
        "maxTrialCount": trials,
        "parallelTrialCount": parallel,
        "studySpec": {"metrics": [{"metricId": "loss", "goal": "MINIMIZE"}], "parameters": [X]},
        "trialJobSpec": {
            "workerPoolSpecs": [pool],
            "baseOutputDirectory": {"outputUriPrefix": "gs://bucket/study"},
        },
    }


def containers_of(document: Document, *, running: bool = False) -> list[str]:
    """Return the containers of a job, by its own label: other services have jobs with the same number."""
    label = f"label=test={document['labels']['test']}"
    return docker("ps", "--quiet", *(() if running else ("--all",)), "--filter", label).split()


def finished(client: Client, name: str) -> Document:
    terminal = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}
    wait_until(lambda: client.get(name)["state"] in terminal, LIMIT_S)
    return client.get(name)


def kill(service: ServiceProcess) -> None:
    os.kill(service.pid, signal.SIGKILL)


def starts_of(studies: Path, job: Document) -> Counter[str]:
    """Return how often each trial of a job has started."""
    files = {trial["id"]: studies / "gcs/bucket/study" / trial["id"] / "model/starts" for trial in job["trials"]}
    return Counter({number: len(file.read_text().splitlines()) for number, file in files.items()})


def hit(document: Document, verb: tuple[str, ...], source: random.Random) -> str:
    """End a container as another client of the engine; return its trial's id, empty when none runs."""
    running = containers_of(document, running=True)
    if not running:
        return ""
    victim = source.choice(running)
    labels = subprocess.run(
        ["docker", "inspect", "--format", '{{index .Config.Labels "hydra-vertex/trial"}}', victim],
        capture_output=True,
        text=True,
        check=False,
    )
    subprocess.run(["docker", *verb, victim], capture_output=True, check=False)
    return labels.stdout.strip()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_trial_is_lost_or_run_again_after_its_end(docker_engine: None, studies: Path, seed: int) -> None:
    """The service is killed, and containers are killed and removed by another client, at random times."""
    document = job_of(8, 3)
    source, hits, name = random.Random(seed), Counter[str](), ""  # noqa: S311 - not for secrets
    for _ in range(KILLS):
        with start(studies, *OPTIONS) as service, Client(service.url, studies, service.pid) as client:
            name = name or client.create(document)
            time.sleep(source.uniform(0.0, 2.5))
            victim = source.choice(["service", "service", "kill", "rm"])
            if victim != "service":
                hits[hit(document, ("rm", "--force") if victim == "rm" else ("kill",), source)] += 1
                time.sleep(source.uniform(0.0, 1.0))
            kill(service)

    with start(studies, *OPTIONS) as service, Client(service.url, studies, service.pid) as client:
        job = finished(client, name)
        wait_until(lambda: not containers_of(document), LIMIT_S)

    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    assert Counter(trial["state"] for trial in job["trials"]) == {"SUCCEEDED": 8}
    starts = starts_of(studies, job)
    assert {number: count for number, count in starts.items() if not 1 <= count <= 1 + hits[number]} == {}
    for trial in job["trials"]:
        assert {measurement["stepCount"] for measurement in trial["measurements"]} == {"1", "2", "3", "4", "5"}


def test_a_cancelled_job_leaves_nothing_in_the_engine(docker_engine: None, studies: Path) -> None:
    document = job_of(2, 2, "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)")
    with start(studies, *OPTIONS) as service, Client(service.url, studies, service.pid) as client:
        name = client.create(document)
        wait_until(lambda: len(containers_of(document, running=True)) == 2, LIMIT_S)

        client.cancel(name)
        job = finished(client, name)
        wait_until(lambda: not containers_of(document), LIMIT_S)

    assert job["state"] == "JOB_STATE_CANCELLED"


def test_an_image_that_cannot_be_had_fails_the_job_with_what_docker_says(docker_engine: None, studies: Path) -> None:
    document = job_of(1, 1)
    document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]["imageUri"] = "localhost/no-such-image:1"

    with start(studies, *OPTIONS) as service, Client(service.url, studies, service.pid) as client:
        job = finished(client, client.create(document))

    (trial,) = job["trials"]
    assert trial["state"] == "INFEASIBLE"
    assert "localhost/no-such-image:1: the engine does not have it" in trial["infeasibleReason"]
    assert "no effect" not in studies.with_name("studies.log").read_text()
