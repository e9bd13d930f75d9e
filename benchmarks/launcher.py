"""Measure the tuning step beside Google's SDK: calls while watching, memory at 1,000 trials, seconds to a created job.

Both use the embedded service, over REST, with the same client library. The calls are those of one hour in which a job
runs, with the intervals for Google's service: waits are counted and not waited for. The memory is the largest resident
size of a process that reads a finished job of 1,000 trials. The seconds are those from the start of a new process to
the moment at which the service has its job; the two programs run in turn.

    python benchmarks/launcher.py [--trials 1000] [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hydra_vertex.service.start import start_service
from timing import Timing, paired_ratio, print_table
from tuning.client import LIMIT_S, TERMINAL, finished_job, job_document, request

HOUR_S = 3600.0
LOCATION = "europe-west4"
"""The SDK accepts the names of Google's regions only."""
COLLECTION = f"projects/p/locations/{LOCATION}/hyperparameterTuningJobs"
CALLS = ("create_hyperparameter_tuning_job", "get_hyperparameter_tuning_job", "list_hyperparameter_tuning_jobs")
SDK_START = f"""
import sys
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
aiplatform.init(project="p", location="{LOCATION}", api_endpoint=sys.argv[1], api_transport="rest",
                credentials=AnonymousCredentials(), staging_bucket="gs://bucket")
"""
SDK_CREATE = f"""{SDK_START}
from google.cloud.aiplatform import hyperparameter_tuning as hpt
pool = {{"machine_spec": {{"machine_type": "local"}}, "replica_count": 1,
         "container_spec": {{"image_uri": "local", "command": ["python3", "-c", "import time; time.sleep(60)"]}}}}
aiplatform.HyperparameterTuningJob(
    display_name=sys.argv[2], custom_job=aiplatform.CustomJob(display_name="c", worker_pool_specs=[pool]),
    metric_spec={{"loss": "minimize"}}, parameter_spec={{"x": hpt.DoubleParameterSpec(min=0, max=1, scale="linear")}},
    max_trial_count=1, parallel_trial_count=1).run(sync=True)
"""
SDK_READ = f"""{SDK_START}
print(len(aiplatform.HyperparameterTuningJob.get(sys.argv[2]).trials))
"""


def step_input(folder: Path, url: str, **parameters: Any) -> str:
    """Return the ExecutorInput of a tuning step whose outputs are in `folder`."""
    folder.mkdir()  # A step in the folder of another one would go on with that one's job.
    artifact = {"name": "job", "uri": str(folder / "job"), "type": {"schemaTitle": "system.Artifact"}}
    outputs = {
        "artifacts": {"job": {"artifacts": [artifact]}},
        "parameters": {"gcp_resources": {"outputFile": str(folder / "gcp_resources")}},
        "outputFile": str(folder / "output.json"),
    }
    named = {
        "project": "p",
        "location": LOCATION,
        "api_endpoint": url,
        "app_command": '["python", "train.py"]',
        **parameters,
    }
    return json.dumps({"inputs": {"parameterValues": named}, "outputs": outputs})


def new_study(name: str) -> dict[str, Any]:
    """Return the step's parameters for a new job with one trial that sleeps."""
    document = job_document(1, 1, 60.0)
    return {
        "display_name": name,
        "study_spec": json.dumps(document["studySpec"]),
        "trial_job_spec": json.dumps(document["trialJobSpec"]),
        "max_trial_count": 1.0,
        "parallel_trial_count": 1.0,
        "max_failed_trial_count": 0.0,
    }


def step_command(given: str) -> list[str]:
    return [sys.executable, "-m", "hydra_vertex.launcher.steps.tune", "--executor_input", given]


def seconds_to_job(url: str, name: str, command: Sequence[str]) -> float:
    """Return the seconds from the start of the command until the service has a job of this name. Ends the command."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while not any(job["displayName"] == name for job in jobs(url)):
            if process.poll() is not None or time.perf_counter() - began > LIMIT_S:
                process.kill()
                raise RuntimeError(f"{command[:3]} has made no job: {process.communicate()[1]}")
            time.sleep(0.02)
        took = time.perf_counter() - began
        process.kill()
    cancel_all(url)
    return took


def cancel_all(url: str) -> None:
    for job in jobs(url):
        if job["state"] not in TERMINAL:
            request(f"{url}/v1/{job['name']}:cancel", {})


def jobs(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = request(f"{url}/v1/{COLLECTION}").get("hyperparameterTuningJobs", [])
    return found


def creation(folder: Path, url: str, runs: int) -> tuple[Timing, Timing]:
    """Return the seconds of the step and of the SDK. The first round is not counted."""
    ours, sdk = [], []
    for number in range(runs + 1):
        given = step_input(folder / f"step{number}", url, **new_study(f"step{number}"))
        ours.append(seconds_to_job(url, f"step{number}", step_command(given)))
        sdk.append(seconds_to_job(url, f"sdk{number}", [sys.executable, "-c", SDK_CREATE, url, f"sdk{number}"]))
    return Timing(tuple(ours[1:])), Timing(tuple(sdk[1:]))


def largest_mib(command: Sequence[str]) -> float:
    """Return the largest resident size of a process in MiB. Raises RuntimeError when it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    errors = process.stderr.read().decode() if process.stderr else ""
    if process.returncode != 0:
        raise RuntimeError(f"{command[:3]}: exit code {process.returncode}: {errors[-2000:]}")
    return usage.ru_maxrss / 1024


def memory(folder: Path, url: str, trials: int) -> tuple[float, float]:
    """Return the largest resident sizes of the step and of the SDK, which read a job of `trials` trials, in MiB."""
    document = job_document(trials, min(100, trials), 0.05)
    document["studySpec"]["algorithm"] = "RANDOM_SEARCH"
    name = finished_job(url, document, COLLECTION)["name"]
    ours = largest_mib(step_command(step_input(folder / "memory", url, existing_job=name)))
    return ours, largest_mib([sys.executable, "-c", SDK_READ, url, name])


class HourOverError(Exception):
    """One hour of simulated waits is over."""


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Count the calls of Google's client, by method."""
    from google.cloud.aiplatform_v1 import JobServiceClient

    calls: Counter[str] = Counter()

    def counting(name: str) -> Callable[..., Any]:
        original = getattr(JobServiceClient, name)

        def call(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return original(*arguments, **options)

        return call

    with ExitStack() as patches:
        for name in CALLS:
            patches.enter_context(patch.object(JobServiceClient, name, counting(name)))
        yield calls


def hour() -> Callable[[float], None]:
    """Return a replacement of `time.sleep` that ends after an hour."""
    waited_s = 0.0

    def sleep(seconds: float) -> None:
        nonlocal waited_s
        waited_s += seconds
        if waited_s >= HOUR_S:
            raise HourOverError

    return sleep


def calls_of_step(folder: Path, url: str) -> Counter[str]:
    """Return the calls of the step in an hour in which its job runs."""
    from hydra_vertex.launcher.steps import tune
    from hydra_vertex.launcher.study import watch
    from hydra_vertex.launcher.study.client import connect, limits_for
    from hydra_vertex.launcher.study.stop_signals import StopSignals
    from hydra_vertex.protocol.executor import parse_executor_input

    signals, sleep = StopSignals(), hour()
    given = parse_executor_input(step_input(folder / "calls", url, **new_study("calls of the step")))
    with counted_calls() as calls, patch.object(signals, "pause", sleep):
        run = tune.TuningRun(given, connect(LOCATION, url), signals, limits_for(url))
        with patch.object(watch, "POLL_LOCAL_S", watch.POLL_REMOTE_S):
            try:
                run.finished_job()
            except HourOverError:
                return calls
    raise RuntimeError("the job has ended within the simulated hour")


def calls_of_sdk(url: str) -> Counter[str]:
    """Return the calls of the SDK's `run` in an hour in which its job runs."""
    argv = patch.object(sys, "argv", ["sdk", url, "calls of the SDK"])
    wait = patch("google.cloud.aiplatform.jobs.time.sleep", hour())
    # The SDK logs to stdout, which is for the table.
    with redirect_stdout(sys.stderr), counted_calls() as calls, argv, wait:
        try:
            exec(SDK_CREATE, {"__name__": "sdk"})  # noqa: S102 - the text above
        except HourOverError:
            return calls
    raise RuntimeError("the job has ended within the simulated hour")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000, help="trials of the job whose reader's memory is measured")
    parser.add_argument("--runs", type=int, default=5, help="counted starts of each program")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with start_service(folder / "studies", folder / "log", 60.0) as service:
            ours, sdk = creation(folder, service.url, arguments.runs)
            step_calls, sdk_calls = calls_of_step(folder, service.url), calls_of_sdk(service.url)
            cancel_all(service.url)
            step_mib, sdk_mib = memory(folder, service.url, arguments.trials)
    rows = [
        ("seconds to a created job", f"{ours.median_s:.2f}", f"{sdk.median_s:.2f}", f"{paired_ratio(ours, sdk):.2f}"),
        *((f"calls an hour: {call}", str(step_calls[call]), str(sdk_calls[call]), "") for call in CALLS),
        (f"MiB at {arguments.trials} trials", f"{step_mib:.0f}", f"{sdk_mib:.0f}", f"{step_mib / sdk_mib:.2f}"),
    ]
    print_table(["", "the tuning step", "the SDK", "ratio"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
