"""What the service's benchmarks share: a trial that only takes time, and a client that waits for a study."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

POLL_INTERVAL_S = 0.25
LIMIT_S = 3600.0
COLLECTION = "projects/p/locations/l/hyperparameterTuningJobs"
TERMINAL = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}

# By the trial protocol, without any library: what is measured is the service.
APP = """
import os, sys, time
time.sleep(float(sys.argv[1]))
value = float(sys.argv[2].split("=")[1])
with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w") as file:
    file.write('{"timestamp": %f, "trial": "1", "loss": "%r", "global_step": "1"}\\n' % (time.time(), value))
"""


def job_document(trials: int, parallel: int, length_s: float) -> dict[str, Any]:
    """A study of trials that each take `length_s` and report their one parameter."""
    container = {"imageUri": "local", "command": [sys.executable, "-I", "-S", "-c", APP], "args": [str(length_s)]}
    return {
        "displayName": "benchmark",
        "maxTrialCount": trials,
        "parallelTrialCount": parallel,
        "studySpec": {
            "metrics": [{"metricId": "loss", "goal": "MINIMIZE"}],
            "parameters": [{"parameterId": "x", "doubleValueSpec": {"minValue": 0.0, "maxValue": 1.0}}],
        },
        "trialJobSpec": {"workerPoolSpecs": [{"machineSpec": {"machineType": "local"}, "containerSpec": container}]},
    }


def finished_job(url: str, document: dict[str, Any]) -> dict[str, Any]:
    """Create a job, wait for its end, and return it; fails unless it SUCCEEDED."""
    name = request(f"{url}/v1/{COLLECTION}", document)["name"]
    give_up = time.monotonic() + LIMIT_S
    while (job := request(f"{url}/v1/{name}"))["state"] not in TERMINAL:
        if time.monotonic() > give_up:
            raise TimeoutError(f"{name} has not ended after {LIMIT_S:g} s")
        time.sleep(POLL_INTERVAL_S)
    if job["state"] != "JOB_STATE_SUCCEEDED":
        raise RuntimeError(f"{name} ended as {job['state']}: {job.get('error')}")
    return job


def request(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request: POST when there is a body, otherwise GET."""
    data = None if body is None else json.dumps(body).encode()
    asked = Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - the URL is the service's own
    with build_opener(ProxyHandler({})).open(asked, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def seconds_between(start: str, end: str) -> float:
    """Seconds between two times as the API writes them."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
