"""Shared parts of the benchmarks of the service: a trial that only sleeps, and a client that waits for a study."""

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

# The app speaks the trial protocol itself and imports no library, so that the service alone is measured.
APP = """
import os, sys, time
time.sleep(float(sys.argv[1]))
value = float(sys.argv[2].split("=")[1])
with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w") as file:
    file.write('{"timestamp": %f, "trial": "1", "loss": "%r", "global_step": "1"}\\n' % (time.time(), value))
"""


def job_document(trials: int, parallel: int, length_s: float) -> dict[str, Any]:
    """Return a job whose trials each sleep for `length_s` and report their one parameter as the metric."""
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


def finished_job(url: str, document: dict[str, Any], collection: str = COLLECTION) -> dict[str, Any]:
    """Create a job, wait for its end, and return it.

    Raises TimeoutError after LIMIT_S seconds, and RuntimeError if the job's state is not SUCCEEDED.
    """
    name = request(f"{url}/v1/{collection}", document)["name"]
    deadline = time.monotonic() + LIMIT_S
    while (job := request(f"{url}/v1/{name}"))["state"] not in TERMINAL:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} has not ended within {LIMIT_S:g} s")
        time.sleep(POLL_INTERVAL_S)
    if job["state"] != "JOB_STATE_SUCCEEDED":
        raise RuntimeError(f"{name} ended as {job['state']}: {job.get('error')}")
    return job


def request(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send one request and return the JSON answer: POST with a `body`, otherwise GET."""
    data = None if body is None else json.dumps(body).encode()
    message = Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - the URL is the service's own
    with build_opener(ProxyHandler({})).open(message, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def seconds_between(start: str, end: str) -> float:
    """Return the seconds between two RFC 3339 times of the API."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
