"""Early stopping in a real service: what becomes of the trial, its process and the study."""

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


def test_a_bad_trial_is_stopped_and_judged_by_its_last_value(client: Client, app: Path) -> None:
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


def test_the_convex_rule_s_prediction_is_the_last_measurement(client: Client, app: Path) -> None:
    convex: Document = {"convexAutomatedStoppingSpec": {"minMeasurementCount": "2", "maxStepCount": "4"}}
    stopped = client.run(study_document(app, "good-then-bad", convex, trials=6))["trials"][-1]

    assert [m["stepCount"] for m in stopped["measurements"]] == ["1", "2", "4"]
    assert stopped["finalMeasurement"] == stopped["measurements"][-1]


def test_without_a_rule_the_same_trial_goes_on(client: Client, app: Path) -> None:
    name = client.create(study_document(app, "good-then-bad", {}, trials=6))
    wait_until(
        lambda: len(client.get(name).get("trials", ())) == 6 and client.get(name)["trials"][5].get("measurements")
    )
    release(app, "6")

    assert "stoppingReason" not in client.finished(name)["trials"][-1]


def test_the_launcher_s_client_knows_which_trial_was_stopped_and_why(client: Client, app: Path) -> None:
    job = client.run(study_document(app, "good-then-bad", MEDIAN, trials=6))
    launcher = connect("l", str(client.http.base_url).removesuffix("/v1/"))

    assert [trial.stopping_reason for trial in launcher.get(job["name"]).trials] == [
        *[""] * 5,
        job["trials"][-1]["stoppingReason"],
    ]


def test_a_service_that_is_killed_while_it_stops_a_trial_finishes_that_when_it_is_started_again(
    studies: Path, app: Path
) -> None:
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


def test_a_study_ends_at_its_limit_and_its_running_trials_come_to_their_end(client: Client, app: Path) -> None:
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
def test_a_study_that_should_stop_asap_ends_its_running_trials(client: Client, app: Path, config: Document) -> None:
    spec = limits(shouldStopAsap=True, **config)
    job = client.run(study_document(app, "measure-and-wait", spec, trials=5, parallel=2))

    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [(trial["state"], value(trial)) for trial in job["trials"]] == [("SUCCEEDED", 9.0), ("SUCCEEDED", 8.0)]
    assert all(trial["stoppingReason"].startswith("the study was stopped (") for trial in job["trials"])


def test_a_trial_without_a_value_is_infeasible_when_its_study_ends_and_fails_nothing(client: Client, app: Path) -> None:
    spec = limits(shouldStopAsap=True, maximumRuntimeConstraint={"maxDuration": "0.5s"})
    job = client.run(study_document(app, "gated", spec, trials=5, parallel=1, maxFailedTrialCount=1))
    (trial,) = job["trials"]

    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert trial["state"] == "INFEASIBLE"
    assert trial["infeasibleReason"].startswith("stopped early without a value: the study was stopped (")
