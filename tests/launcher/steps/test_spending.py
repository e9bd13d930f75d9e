"""A spending limit ends the job of the tuning step, which then succeeds; also when the step was started again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import JobState, TrialState
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.study.client import connect
from hydra_vertex.service.start import ServiceProcess, start_service
from launcher.steps.inputs import executor_input

PARENT = "projects/p/locations/l"
METRIC_LINE = '{"val/loss": "0.5", "global_step": "1", "trial": "1", "timestamp": 0}'
FIRST_SUCCEEDS = f"""
import os, time
if os.environ["CLOUD_ML_TRIAL_ID"] == "1":
    open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w").write('{METRIC_LINE}' + chr(10))
else:
    time.sleep(60)
"""
PRICES = '{"currency": "EUR", "prices": [{"machine": "local", "strategy": "", "amount": 3600}]}'
"""One EUR a second."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("service")
    with start_service(folder / "studies", folder / "service.log", 30.0) as running:
        yield running


def step(folder: Path, url: str, code: str = FIRST_SUCCEEDS, **changes: Any) -> subprocess.Popen[str]:
    counts = {"max_trial_count": 4.0, "parallel_trial_count": 1.0}
    text = executor_input(folder, url, [sys.executable, "-c", code], **{**counts, **changes})
    command = [sys.executable, "-m", "hydra_vertex.launcher.steps.tune", "--executor_input", text]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"max_worker_hours": repr(10 / 3600)}, "worker-hours (--max-worker-hours) is reached"),
        ({"max_cost": "10.0", "hourly_prices": PRICES}, "the limit of 10.00 EUR (--max-cost) is reached"),
    ],
)
def test_a_job_is_ended_at_its_limit_and_keeps_what_was_measured(
    tmp_path: Path, service: ServiceProcess, limits: dict[str, str], says: str
) -> None:
    running = step(tmp_path, service.url, **limits)
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 0, stderr
    job = read_job(tmp_path / "job")
    assert job.state is JobState.CANCELLED
    assert job.trials[0].state is TrialState.SUCCEEDED
    assert says in job.stopping_reason
    assert sum(says in line for line in stderr.splitlines()) == 2
    assert stderr.splitlines()[-1].endswith("; the pipeline goes on with what was measured")
    assert connect("l", service.url).get(job.name).state is JobState.CANCELLED


@pytest.mark.parametrize(("limit_h", "code"), [(0.5 / 3600, 0), (1000.0, 1)])
def test_a_step_that_is_started_again_finds_out_whether_its_job_was_ended_at_the_limit(
    tmp_path: Path, service: ServiceProcess, limit_h: float, code: int
) -> None:
    jobs = connect("l", service.url)
    first = step(tmp_path, service.url)
    name = wait_for_a_second_trial(tmp_path, service.url)
    first.kill()
    first.communicate(timeout=10)
    jobs.cancel(name)

    second = step(tmp_path, service.url, max_worker_hours=repr(limit_h))
    _, stderr = second.communicate(timeout=60)

    assert second.returncode == code, stderr
    assert ("is reached" in stderr) == (code == 0)


def test_a_limit_without_a_usable_price_is_refused_before_a_job_is_created(
    tmp_path: Path, service: ServiceProcess
) -> None:
    before = len(connect("l", service.url).list(PARENT))
    running = step(tmp_path, service.url, max_cost="1", hourly_prices=PRICES.replace("local", "a"))
    _, stderr = running.communicate(timeout=60)

    assert running.returncode == 2
    assert stderr.startswith("tune: --hourly-price: there is no price for local")
    assert len(connect("l", service.url).list(PARENT)) == before


def wait_for_a_second_trial(folder: Path, url: str, limit_s: float = 60) -> str:
    """Wait until the job's second trial runs, for at least half a second. Return the job's name."""
    jobs, deadline = connect("l", url), time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if (folder / "gcp_resources").exists():
            uri = json.loads((folder / "gcp_resources").read_text())["resources"][0]["resourceUri"]
            job = jobs.get(uri.partition("/v1/")[2])
            if len(job.trials) == 2 and job.trials[1].state is TrialState.ACTIVE:
                return job.name
        time.sleep(0.1)
    raise AssertionError(f"no second trial after {limit_s} s")
