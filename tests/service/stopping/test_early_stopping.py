"""Early stopping in a real service: the states of the trial, its process and the study."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.launcher.study.client import connect
from service.harness import (
    Client,
    Document,
    is_running,
    job_document,
    pid_of,
    release,
    serving,
    start,
    started,
    wait_until,
)

MEDIAN: Document = {"medianAutomatedStoppingSpec": {}}


def study_document(app: Path, deed: str, spec: Document, **changes: Any) -> Document:
    document = job_document(app, deed, **changes)
    document["studySpec"] |= spec
    return document


def value(trial: Document) -> float:
    return float(trial["finalMeasurement"]["metrics"][0]["value"])


def test_a_bad_trial_is_stopped_and_its_last_value_is_final(client: Client, app: Path) -> None:
    job = client.run(study_document(app, "good-then-bad", MEDIAN, trials=6))
    *whole, stopped = job["trials"]

    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [(trial["state"], value(trial), trial.get("stoppingReason")) for trial in whole] == [
        ("SUCCEEDED", 1.0, None)
    ] * 5
    assert (stopped["state"], value(stopped), stopped["finalMeasurement"]["stepCount"]) == ("SUCCEEDED", 8.5, "2")
    assert stopped["stoppingReason"] == (
        "its best value up to step 2, 8.5, is worse than the median 4 of the averages of 5 earlier trials"
    )
    assert "infeasibleReason" not in stopped
    assert not is_running(pid_of(app, "6"))


def test_the_prediction_of_the_convex_rule_is_the_last_measurement(client: Client, app: Path) -> None:
    convex: Document = {"convexAutomatedStoppingSpec": {"minMeasurementCount": "2", "maxStepCount": "4"}}
    stopped = client.run(study_document(app, "good-then-bad", convex, trials=6))["trials"][-1]

    assert [m["stepCount"] for m in stopped["measurements"]] == ["1", "2", "4"]
    assert stopped["finalMeasurement"] == stopped["measurements"][-1]


def test_without_a_rule_the_same_trial_continues(client: Client, app: Path) -> None:
    name = client.create(study_document(app, "good-then-bad", {}, trials=6))
    wait_until(
        lambda: len(client.get(name).get("trials", ())) == 6 and client.get(name)["trials"][5].get("measurements")
    )
    release(app, "6")

    assert "stoppingReason" not in client.finished(name)["trials"][-1]


def test_the_client_of_the_launcher_reads_which_trial_was_stopped_and_why(client: Client, app: Path) -> None:
    job = client.run(study_document(app, "good-then-bad", MEDIAN, trials=6))
    launcher = connect("l", str(client.http.base_url).removesuffix("/v1/"))

    assert [trial.stopping_reason for trial in launcher.get(job["name"]).trials] == [
        *[""] * 5,
        job["trials"][-1]["stoppingReason"],
    ]


def test_a_restarted_service_finishes_the_stop_of_a_trial_during_which_it_was_killed(studies: Path, app: Path) -> None:
    with start(studies) as service, Client(service.url, studies, service.pid) as client:
        name = client.create(study_document(app, "bad-and-stubborn", MEDIAN, trials=6))
        wait_until(lambda: len(started(app)) == 6 and client.get(name)["trials"][5]["state"] == "STOPPING")
        os.kill(service.pid, signal.SIGKILL)
    with serving(studies) as client:
        stopped = client.finished(name)["trials"][5]

    assert (stopped["state"], value(stopped)) == ("SUCCEEDED", 8.5)
    assert started(app) == ["1", "2", "3", "4", "5", "6"]
    assert not is_running(pid_of(app, "6"))


def limits(**config: object) -> Document:
    return {"studyStoppingConfig": config}


def test_a_study_ends_at_its_limit_and_its_running_trials_finish(client: Client, app: Path) -> None:
    name = client.create(study_document(app, "measure-and-wait", limits(maxNumTrials=2), trials=5, parallel=2))
    wait_until(lambda: len(started(app)) == 2)
    release(app, "1", "2")
    job = client.finished(name)

    assert (job["state"], job["stoppingReason"]) == ("JOB_STATE_SUCCEEDED", "maxNumTrials: there are 2 trials")
    assert [trial["state"] for trial in job["trials"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert not any("stoppingReason" in trial for trial in job["trials"])


@pytest.mark.parametrize(
    "config",
    [
        {"maximumRuntimeConstraint": {"maxDuration": "1s"}},
        {"maxDurationNoProgress": "1s"},
    ],
)
def test_a_study_with_should_stop_asap_stops_its_running_trials(client: Client, app: Path, config: Document) -> None:
    spec = limits(shouldStopAsap=True, **config)
    job = client.run(study_document(app, "measure-and-wait", spec, trials=5, parallel=2))

    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [(trial["state"], value(trial)) for trial in job["trials"]] == [("SUCCEEDED", 9.0), ("SUCCEEDED", 8.0)]
    assert all(trial["stoppingReason"].startswith("the study was stopped (") for trial in job["trials"])


def test_a_trial_stopped_without_a_value_is_infeasible_and_does_not_fail_the_study(client: Client, app: Path) -> None:
    spec = limits(shouldStopAsap=True, maximumRuntimeConstraint={"maxDuration": "0.5s"})
    job = client.run(study_document(app, "gated", spec, trials=5, parallel=1, maxFailedTrialCount=1))
    (trial,) = job["trials"]

    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert trial["state"] == "INFEASIBLE"
    assert trial["infeasibleReason"].startswith("stopped early without a value: the study was stopped (")
