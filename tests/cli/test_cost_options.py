"""Time and money on the command line: the estimate, and the limits that reach the pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.apps import SEARCH, Project, make_project

APP = ("--", "python", "app.py")
GCLOUD = """
studySpec:
  metrics: [{metricId: val/loss, goal: MINIMIZE}]
  parameters: [{parameterId: lr, doubleValueSpec: {minValue: 0.001, maxValue: 0.1}}]
maxTrialCount: 6
parallelTrialCount: 2
trialJobSpec:
  workerPoolSpecs:
  - {machineSpec: {machineType: g2-standard-8}, containerSpec: {imageUri: i}}
  - {machineSpec: {machineType: n1-standard-4}, replicaCount: 3, containerSpec: {imageUri: i}}
"""
POOLS = ("--hourly-price", "g2-standard-8=0.85 EUR", "--hourly-price", "n1-standard-4=0.2")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def check(project: Project, *arguments: str, search: str = SEARCH) -> tuple[int, str, str]:
    project.write("search.yaml", search)
    ended = project.hydra_vertex("check", "--search", "search.yaml", *arguments, *APP)
    assert "Traceback" not in ended.stderr
    return ended.code, ended.stdout, ended.stderr


def test_check_shows_the_time_and_with_a_price_the_cost(project: Project) -> None:
    code, stdout, _ = check(project, "--trial-duration", "30m..1h", "--hourly-price", "2 EUR", "--provisioning", "0")

    assert code == 0
    assert "minimum: 1:00:00 wall-clock, 2.00 worker-hours, 4.00 EUR" in stdout
    assert "expected: 1:30:00 wall-clock, 3.00 worker-hours, 6.00 EUR" in stdout
    assert "maximum: 2 days, 0:00:00 wall-clock, 96.00 worker-hours, 192.00 EUR" in stdout


def test_the_estimate_is_in_json_with_every_pool(project: Project) -> None:
    code, stdout, stderr = check(
        project, "--trial-duration", "1h", *POOLS, "--trial-timeout", "7200", "--json", search=GCLOUD
    )
    assert code == 0, stderr
    found = json.loads(stdout)["estimate"]

    assert found["currency"] == "EUR"
    by_strategy = found["strategies"]["on-demand"]
    assert by_strategy["workersPerTrial"] == 4
    assert by_strategy["hourlyRatePerTrial"] == pytest.approx(1.45)
    assert by_strategy["provisioningSeconds"] == 300
    assert by_strategy["minimum"] == {"wallClockSeconds": 3 * 3900, "workerHours": 24, "cost": pytest.approx(8.7)}
    assert by_strategy["maximum"]["wallClockSeconds"] == 3 * 7500


def test_without_a_duration_there_is_no_estimate(project: Project) -> None:
    code, stdout, _ = check(project, "--json")

    assert (code, json.loads(stdout)["estimate"]) == (0, None)


def test_an_expected_cost_above_the_limit_and_an_unused_price_are_named(project: Project) -> None:
    limits = ("--max-cost", "1", "--max-worker-hours", "1")
    _, stdout, _ = check(project, "--trial-duration", "1h", "--hourly-price", "2", "--hourly-price", "a=3", *limits)

    assert "expected cost (on-demand) is above --max-cost, so the study ends before its last trial" in stdout
    assert "expected worker-hours (on-demand) are above --max-worker-hours" in stdout
    assert "the price for a has no effect" in stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--trial-duration", "soon"), "'soon': expected a number of seconds"),
        (("--trial-duration", "0"), "expected a duration above 0"),
        (("--trial-duration", "2h..1h"), "expected a duration above 0, or a range"),
        (("--provisioning", "x"), "'x': expected a number of seconds"),
        (("--hourly-price", "much"), "--hourly-price 'much': expected AMOUNT"),
        (("--hourly-price", "1", "--hourly-price", "2"), "two prices for any machine"),
        (("--max-cost", "5"), "--max-cost needs --hourly-price"),
        (("--max-cost", "0", "--hourly-price", "1"), "0: expected a number above 0"),
        (("--max-worker-hours", "-1"), "-1"),
        (("--hourly-price", "a=1"), "no price for a worker whose machine is not known"),
    ],
)
def test_an_invalid_option_is_one_line(project: Project, arguments: tuple[str, ...], says: str) -> None:
    code, stdout, stderr = check(project, *arguments)

    assert (code, stdout) == (2, "")
    assert says in stderr.splitlines()[-1]


def test_a_run_has_the_estimate_of_this_machine_and_ends_at_its_limit(project: Project) -> None:
    ended = project.hydra_vertex(
        *("run", "--search", "search.yaml", "--trials", "1000", "--parallel", "1", "--out", "out", "--json"),
        *("--trial-duration", "2", "--hourly-price", "3600 EUR", "--max-cost", "15", *APP, "sleep_s=0.5"),
    )

    assert ended.code == 0, ended.stderr
    assert "expected: 33:20 wall-clock, 0.56 worker-hours, 2000.00 EUR" in ended.stderr
    assert "above --max-cost" in ended.stderr
    assert "the limit of 15.00 EUR (--max-cost) is reached" in ended.stderr
    assert json.loads(ended.stdout)["estimate"]["strategies"]["on-demand"]["provisioningSeconds"] == 0
    job = json.loads((project.path / "out" / "job.json").read_text())
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert "--max-cost" in job["stoppingReason"]
    assert "worker-hours" in (project.path / "out" / "report.html").read_text()
    (executed,) = project.path.glob("out/**/select-best/executor_output.json")
    artifacts = json.loads(executed.read_text())["artifacts"]
    metrics = artifacts["metrics"]["artifacts"][0]["metadata"]
    assert metrics["spending_limit_reached"] == 1.0
    assert metrics["cost"] == pytest.approx(3600 * metrics["worker_hours"])
    assert 0 <= metrics["idle_share"] < 1
    assert "--max-cost" in artifacts["best_config"]["artifacts"][0]["metadata"]["stoppingReason"]


def test_the_report_of_any_job_has_the_cost(project: Project) -> None:
    times = {"startTime": "2026-01-31T12:00:00Z", "endTime": "2026-01-31T13:00:00Z"}
    value = {"finalMeasurement": {"metrics": [{"metricId": "loss", "value": 1.0}]}}
    trials = [{"id": "1", "state": "SUCCEEDED", **times, **value}]
    spec = {"metrics": [{"metricId": "loss", "goal": "MINIMIZE"}]}
    project.write("job.json", json.dumps({"displayName": "j", "studySpec": spec, "trials": trials}))

    ended = project.hydra_vertex("report", "job.json", "--hourly-price", "2.5 EUR")
    wrong = project.hydra_vertex("report", "job.json", "--hourly-price", "much")

    assert ended.code == 0, ended.stderr
    assert "2.50 EUR" in (project.path / "report.html").read_text()
    assert (wrong.code, wrong.stderr.count("\n")) == (2, 1)
