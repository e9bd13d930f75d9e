"""Trials of a study with several metrics, read by Google's client."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1

from service.harness import PARENT, Client, Document, job_document

CODE = """
import hypertune, os, sys
x = float(sys.argv[-1].partition("=")[2])
tuner = hypertune.HyperTune()
for metric, value in {"loss": x, "size": 2 * x}.items():
    if metric not in os.environ.get("LEFT_OUT", ""):
        tuner.report_hyperparameter_tuning_metric(metric, value, global_step=1)
"""


def document_of(folder: Path, left_out: str = "") -> Document:
    document = job_document(folder, "report", trials=2, env={"LEFT_OUT": left_out})
    document["studySpec"]["metrics"].append({"metricId": "size", "goal": "MAXIMIZE"})
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container |= {"command": [sys.executable, "-c", CODE], "args": []}
    return document


def test_googles_client_reads_every_metric_of_a_trial(client: Client, app: Path) -> None:
    job = client.run(document_of(app))
    address = str(client.http.base_url).removesuffix("/v1/")
    google = aiplatform_v1.JobServiceClient(
        client_options={"api_endpoint": address}, transport="rest", credentials=AnonymousCredentials()
    )
    read = google.get_hyperparameter_tuning_job(name=job["name"])
    assert [trial.state.name for trial in read.trials] == ["SUCCEEDED", "SUCCEEDED"]
    for trial in read.trials:
        values = {metric.metric_id: metric.value for metric in trial.final_measurement.metrics}
        assert values == {"loss": trial.parameters[0].value, "size": 2 * trial.parameters[0].value}


@pytest.mark.parametrize(("left_out", "reported"), [("size", "loss"), ("loss", "size")])
def test_a_trial_without_one_of_the_metrics_is_infeasible(
    client: Client, app: Path, left_out: str, reported: str
) -> None:
    job = client.run(document_of(app, left_out))
    for trial in job["trials"]:
        assert trial["state"] == "INFEASIBLE"
        reason = f"exited with code 0 but reported no value of {left_out!r}; it reported {reported!r}"
        assert trial["infeasibleReason"] == reason


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("medianAutomatedStoppingSpec", {}, "studySpec.medianAutomatedStoppingSpec"),
        ("decayCurveStoppingSpec", {}, "studySpec.decayCurveStoppingSpec"),
        ("convexAutomatedStoppingSpec", {}, "studySpec.convexAutomatedStoppingSpec"),
        ("studyStoppingConfig", {"maxNumTrialsNoProgress": 3}, "studySpec.studyStoppingConfig"),
        ("studyStoppingConfig", {"maxDurationNoProgress": "60s"}, "studySpec.studyStoppingConfig"),
    ],
)
def test_a_rule_that_compares_trials_by_one_value_is_unimplemented(
    client: Client, app: Path, field: str, value: Document, named: str
) -> None:
    document = document_of(app)
    document["studySpec"][field] = value
    response = client.http.post(f"{PARENT}/hyperparameterTuningJobs", json=document)
    error = response.json()["error"]
    assert error["status"] == "UNIMPLEMENTED"
    assert error["message"].startswith(f"{named}: ")
    assert "of several objectives ('loss', 'size')" in error["message"]


def test_a_limit_on_the_number_of_trials_is_accepted(client: Client, app: Path) -> None:
    document = document_of(app)
    document["studySpec"]["studyStoppingConfig"] = {"maxNumTrials": 1}
    assert len(client.run(document)["trials"]) == 1
